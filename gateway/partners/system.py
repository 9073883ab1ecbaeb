"""A system of ours (ERP, CRM, warehouse), as far as a profile must know it; `gateway/systems/` reads all of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class System:
    """One file of a `systems/` folder: a connector's description."""

    name: str  # its `system:` word, unique in the house
    owner: str  # the folder it stands in
    lane: str
    supports: frozenset[str]  # the operations it describes
    file: str
    text: str
