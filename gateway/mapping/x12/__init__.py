"""A map over an X12 guide, compiled to one function that reads and one that writes."""

from __future__ import annotations
