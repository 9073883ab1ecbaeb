"""File acknowledgement: what became of a file without an envelope, for whoever sent it. X12 has 997 and TA1 instead."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from gateway.canonical.document import Document
from gateway.canonical.values import Moment, Node, Text


class AcknowledgedDocument(Node):
    """One document of the file."""

    position: Text  # in the file, from 1
    place: Text | None = None  # rows, XPath or JSON pointer
    number: Text | None = None  # the order or shipment number, where it could be read
    verdict: Text  # accepted, refused, seen-before, waits
    problems: list[Text] = Field(default_factory=list)  # a sentence each


class FileAcknowledgement(Document):
    """What became of a file."""

    kind: ClassVar[str] = "file-acknowledgement"
    schema_version: ClassVar[int] = 1

    acknowledgement_number: Text
    file: Text
    received: Moment
    verdict: Text  # accepted, accepted-with-errors, refused
    reason: Text | None = None  # why nothing of it is used
    accepted: Decimal
    refused: Decimal
    documents: list[AcknowledgedDocument] = Field(default_factory=list)

    def key(self) -> str:
        return self.acknowledgement_number
