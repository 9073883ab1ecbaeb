"""Doors for machines: the partner API, the internal API, health and metrics."""

from __future__ import annotations
