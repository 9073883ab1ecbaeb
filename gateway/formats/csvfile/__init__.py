"""Files of rows: their delimiter, encoding and columns."""

from __future__ import annotations
