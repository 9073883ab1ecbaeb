"""The same document without names, addresses and ids, for sharing: as valid, or as wrong, as it was."""

from __future__ import annotations
