"""What a document always means without saying it.

    given:
      purpose: original                       a UBL order has no purpose code; another document says changes
      orders.packages.weight.unit: kilogram   the column is called kg

Read: the value is there. Written: a document that means something else is refused, since it could not be read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.canonical import Document, Node
from gateway.mapping.faults import MapError, Origin, Problem
from gateway.mapping.fields import Path, walk
from gateway.mapping.source import Raw


class Given:
    """The fixed values of one map: texts at fields of the document itself."""

    def __init__(self, lines: Mapping[str, Raw], model: type[Document]) -> None:
        self.values: dict[Path, tuple[str, Origin]] = {}
        for name, raw in lines.items():
            path = tuple(name.split("."))
            at: type[Node] = model
            for step in path[:-1]:
                inner = walk(at, (step,), raw.origin)
                if inner.kind not in ("node", "nodes"):
                    raise raw.origin.fault(f"given: {step} of {at.__name__} holds no fields")
                at = inner.type
            found = walk(at, path[-1:], raw.origin)
            if found.kind != "value" or found.type is not str or not raw.value:
                raise raw.origin.fault(f"given: {name} needs a text for a field of text", f"write {name}: original")
            self.values[path] = (raw.value, raw.origin)

    def fill(self, values: dict[str, Any]) -> None:
        """Into the values just read: into the document, and into every object on the path that is there."""
        for path, (said, _) in self.values.items():
            for holder in _holders(values, path[:-1]):
                holder[path[-1]] = said

    def check(self, document: Document) -> None:
        """Whether a document to be written means what this kind of document always means."""
        problems = []
        for path, (said, origin) in self.values.items():
            for holder in _holders(document, path[:-1]):
                value = getattr(holder, path[-1])
                if value != said:
                    why = f"this document can only mean {said}"
                    problems.append(Problem("the document", None, ".".join(path), str(value), why, str(origin)))
        if problems:
            raise MapError(problems)


def _holders(holder: Any, path: Path) -> Iterator[Any]:
    """The objects at the end of a path, through objects and lists, that are there."""
    if holder is None:
        return
    if isinstance(holder, list):
        for item in holder:
            yield from _holders(item, path)
    elif not path:
        yield holder
    else:
        yield from _holders(holder.get(path[0]) if isinstance(holder, dict) else getattr(holder, path[0]), path[1:])
