"""The SFTP server: partners log in, leave files in their inbox and fetch ours from their outbox."""

from __future__ import annotations
