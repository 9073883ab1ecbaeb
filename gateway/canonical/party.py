"""Who takes part: parties, their addresses, their people."""

from __future__ import annotations

from pydantic import Field

from gateway.canonical.values import Node, Text


class Address(Node):
    """Where something is, in the lines an envelope has."""

    line1: Text | None = None
    line2: Text | None = None
    city: Text | None = None
    region: Text | None = None
    postal_code: Text | None = None
    country: Text | None = None  # ISO 3166-1 where we know it


class Contact(Node):
    """A person or desk that can be reached."""

    role: Text | None = None
    name: Text | None = None
    numbers: dict[str, Text] = Field(default_factory=dict)  # phone, email, fax -> value, in the order given


class Party(Node):
    """A company, site or person in a document."""

    role: Text | None = None
    name: Text | None = None
    name2: Text | None = None
    identifiers: dict[str, Text] = Field(
        default_factory=dict
    )  # scheme -> id: gln, duns, duns4, buyer, seller, tax, ...
    address: Address | None = None
    contacts: list[Contact] = Field(default_factory=list)
