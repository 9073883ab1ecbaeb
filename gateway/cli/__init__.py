"""One file a verb of the public surface; `main` finds them."""

from __future__ import annotations
