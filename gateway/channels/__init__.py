"""The partners' wires: how bytes come from them and go to them. `table.py` lists the kinds."""

from __future__ import annotations
