"""What two parties agreed on about one document, in one direction and one lane."""

from __future__ import annotations

from pydantic import Field, model_validator

from gateway.formats.x12.guide import Guide
from gateway.partners.reading import Node
from gateway.partners.terms import RECEIVING, SENDING, Terms
from gateway.partners.values import Direction, DocumentName, Lane, wrong

FILE_NAME = frozenset({"set", "number", "sequence", "partner", "date", "time"})  # what the name of a file may say


class Agreement(Terms):
    """One entry under `agreements:` of a partner, with every term in force."""

    name: str = Field(default="", exclude=True, description="partner/key, as other rooms call it.")
    partner: str = Field(default="", exclude=True, description="The folder of the partner it stands with.")
    like: str | None = Field(
        default=None, exclude=True, description="Another agreement of this partner whose lines hold here too."
    )
    company: str = Field(alias="our", description="Which of our companies.", examples=["northwind"])
    connection: str = Field(description="The connection it travels on.", examples=["harbor-pine"])
    lane: Lane = Field(description="production or test; the connection's lane.")
    receive: DocumentName | None = Field(
        default=None, description="The document they send us.", examples=["x12/004010/850"]
    )
    send: DocumentName | None = Field(
        default=None, description="The document we send them.", examples=["x12/004010/855"]
    )
    map: str | None = Field(
        default=None,
        description="The map, both ways; without one a document is stored and acknowledged only.",
        examples=["x12-850-order"],
    )
    judged_by: str | None = Field(
        default=None,
        alias="schema",
        description="Their own schema of an XML or JSON document, a file in `schemas/` of their folder: what breaks it "
        "is refused when it comes, and not sent.",
        examples=["despatch.xsd", "advice.json"],
    )
    files: str | None = Field(
        default=None,
        description="For documents without an envelope (CSV, XML, JSON): the names of their files. For what they send "
        "a pattern; for what we send a template of {set}, {number}, {sequence}, {partner}, {date} and {time}.",
        examples=["ship*.csv", "order-{number}.csv"],
    )

    @model_validator(mode="after")
    def _one_direction(self) -> Agreement:
        if (self.receive is None) == (self.send is None):
            raise wrong("an agreement has one direction", "write either `receive:` or `send:`")
        return self

    @property
    def document(self) -> DocumentName:
        document = self.receive or self.send
        assert document is not None
        return document

    @property
    def direction(self) -> Direction:
        return "in" if self.receive else "out"

    @property
    def functional_id(self) -> str:
        """GS01 of this document, where it has one."""
        name = self.document
        return Guide.load(name.release, name.set_id).functional_id if name.standard == "x12" else ""


IDENTITY = ("our", "connection", "lane", "receive", "send", "map", "schema", "files")  # what a layer cannot say


def effective(lines: Node, direction: Direction) -> Node:
    """The lines that hold in this direction."""
    return lines.without("like", *(SENDING if direction == "in" else RECEIVING))
