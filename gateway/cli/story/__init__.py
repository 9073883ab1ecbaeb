"""The story `gateway demo` tells: its parties, what they send, what must be true at the end, and how it is told."""

from __future__ import annotations
