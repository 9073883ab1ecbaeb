"""How fast the road is, beside what it is measured against in the same run."""

from __future__ import annotations
