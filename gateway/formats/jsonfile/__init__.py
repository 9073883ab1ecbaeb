"""JSON: read strictly, item by item."""

from __future__ import annotations
