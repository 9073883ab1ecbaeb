"""One document into another: maps are declarations, used in both directions. No files, no clocks, no partners."""

from __future__ import annotations

from gateway.mapping.faults import Fault, MapError, MapFaults, Problem
from gateway.mapping.language import Effective
from gateway.mapping.library import Library
from gateway.mapping.map import Found, Map

__all__ = ["Effective", "Fault", "Found", "Library", "Map", "MapError", "MapFaults", "Problem"]
