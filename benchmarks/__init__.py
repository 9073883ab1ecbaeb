"""What we measure and how: each module prints one table, ratios and limits of the same run."""

from __future__ import annotations
