"""XML: read hardened, named by what it is."""

from __future__ import annotations
