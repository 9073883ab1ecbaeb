"""X12: bytes to framed, checked sets and back, with the acknowledgements they deserve."""

from __future__ import annotations
