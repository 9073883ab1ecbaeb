"""Profiles and maps read by everybody who will use them: the book itself, the wires, the connectors, the map compiler.

`gateway check`, `gateway apply` and PUT /v1/partners all ask here, so none of them lets through what another refuses.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.channels.table import SETTINGS
from gateway.partners.book import Book, examine
from gateway.partners.checking import wire_faults
from gateway.partners.faults import Fault, ProfileFaults
from gateway.systems import description


def faults_in(files: Mapping[str, str]) -> list[Fault]:
    """Everything wrong in texts named `partners/...` and `maps/...`, by file and line."""
    said, library, faults = examine(files)
    connections = [(c, said.lines["connection", name]) for name, c in said.connections.items()]
    faults += wire_faults(connections, SETTINGS, said.systems.values(), description.load)
    where = {name.rpartition("/")[2]: name for name in files if name.startswith("maps/")}
    faults += [Fault(where.get(f.file, f.file), f.line, f.text, f.remedy) for f in library.check()]
    told = {(fault.file, fault.line) for fault in faults}
    faults += [fault for fault in said.blanks if (fault.file, fault.line) not in told]
    return sorted(set(faults))


def proofread(files: Mapping[str, str]) -> Book:
    """The book these texts make. Raises ProfileFaults with everything wrong in it."""
    faults = faults_in(files)
    if faults:
        raise ProfileFaults(faults)
    return Book.from_files(files)
