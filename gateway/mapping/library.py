"""All maps of a deployment. Texts come in, maps come out: where the files lie is not this room's business."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePath

from gateway.mapping.faults import Fault, MapFaults
from gateway.mapping.map import Map
from gateway.mapping.rows import NONE, Rows
from gateway.mapping.source import assemble, read_yaml, with_rows

_MOST = 256  # maps kept; a deployment has some ten a partner, and an old revision is soon used by nobody
_made: dict[str, Map] = {}  # by what their files say, so that a reload of unchanged files compiles nothing


class Library:
    """Maps by name, made when first asked for."""

    def __init__(self, files: Mapping[str, str]) -> None:
        """`files`: file name -> text. A map's name is its file name without .yaml."""
        self.files = {PurePath(name).name: text for name, text in files.items()}
        self._maps: dict[tuple[str, str], Map] = {}

    def map(self, name: str, rows: Rows = NONE) -> Map:
        """The map of this name, with a partner's own rows; MapFaults where there is none or it cannot be used."""
        found = self._maps.get((name, rows.said))
        if found is None:
            text = assemble(name, self.files)
            said = json.dumps([name, [[file, self.files[file]] for file in text.files], rows.said])
            key = sha256(said.encode()).hexdigest()
            found = _made.get(key)
            if found is None:
                found = Map(with_rows(text, rows.sections, rows.asked) if rows.said else text)
                while len(_made) >= _MOST:
                    _made.pop(next(iter(_made)))
                _made[key] = found
            self._maps[name, rows.said] = found
        return found

    def names(self) -> list[str]:
        """Every file that is a map, and not only parts and tables for others."""
        names = []
        for file in sorted(self.files):
            try:
                keys = read_yaml(self.files[file], file)
            except MapFaults:
                keys = {}
                names.append(file.removesuffix(".yaml"))
            if "map" in keys or "extends" in keys:
                names.append(file.removesuffix(".yaml"))
        return names

    def check(self) -> list[Fault]:
        """Every fault of every map."""
        faults: dict[str, Fault] = {}
        for name in self.names():
            try:
                self.map(name)
            except MapFaults as found:
                faults |= {str(fault): fault for fault in found.faults}
        return list(faults.values())
