"""Bytes to documents and back: X12, EDIFACT, CSV, XML."""

from __future__ import annotations
