"""The road of one document, one file a stage; and alert, where every stop gets an owner."""

from __future__ import annotations
