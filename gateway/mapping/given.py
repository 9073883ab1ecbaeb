"""What a document always means without saying it.

    given:
      purpose: original        a UBL order has no purpose code; another document says changes

Read: the value is there. Written: a document that means something else is refused, since it could not be read back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.canonical import Document
from gateway.mapping.faults import MapError, Origin, Problem
from gateway.mapping.fields import Path, walk
from gateway.mapping.source import Raw


class Given:
    """The fixed values of one map: texts at fields of the document itself."""

    def __init__(self, lines: Mapping[str, Raw], model: type[Document]) -> None:
        self.values: dict[Path, tuple[str, Origin]] = {}
        for name, raw in lines.items():
            path = tuple(name.split("."))
            found = walk(model, path, raw.origin)
            if found.kind != "value" or found.type is not str or not raw.value:
                raise raw.origin.fault(f"given: {name} needs a text for a field of text", f"write {name}: original")
            self.values[path] = (raw.value, raw.origin)

    def fill(self, values: dict[str, Any]) -> None:
        """Into the values just read."""
        for path, (said, _) in self.values.items():
            at = values
            for name in path[:-1]:
                at = at.setdefault(name, {})
            at[path[-1]] = said

    def check(self, document: Document) -> None:
        """Whether a document to be written means what this kind of document always means."""
        problems = []
        for path, (said, origin) in self.values.items():
            value: Any = document
            for name in path:
                value = getattr(value, name, None)
            if value != said:
                why = f"this document can only mean {said}"
                problems.append(Problem("the document", None, ".".join(path), str(value), why, str(origin)))
        if problems:
            raise MapError(problems)
