"""What every canonical document has: its kind, its version, where it came from and the ids it is known by."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from gateway.canonical.values import Node, Text


class Source(Node):
    """What a document was read from. Leftovers go back only to the same partner, document and map revision."""

    document: Text  # "x12/004010/850"
    map: Text
    revision: Text  # of the map
    partner: Text | None = None


class Document(Node):
    """One document of our language. The subclass names its kind and its version."""

    kind: ClassVar[str]
    schema_version: ClassVar[int]

    source: Source | None = None
    ids: dict[str, Text] = Field(default_factory=dict)  # system -> its id for this document: erp, crm, wms, ...

    def key(self) -> str:
        """The business key: what people on both sides call this document."""
        raise NotImplementedError
