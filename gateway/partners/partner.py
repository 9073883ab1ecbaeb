"""Them: ids, people, and the terms all our agreements with them share."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gateway.partners.company import Address, Ids
from gateway.partners.values import Keep, Written, Zone


class Contact(Written):
    """Somebody to ask."""

    name: str = Field(description="Who.")
    role: str = Field(description="What for.", examples=["EDI desk"])
    email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$", description="E-mail address.")
    phone: str | None = Field(default=None, description="Telephone.")
    hours: str | None = Field(default=None, description="When they answer, in their words.")


class Partner(Written):
    """`partner.yaml`: who they are and on what terms we trade."""

    id: str = Field(default="", exclude=True, description="The folder's name.")
    name: str = Field(min_length=1, description="The name people know them by.")
    ids: Ids = Field(description="The ids they send and receive with.")
    industry: str | None = Field(
        default=None, description="Terms they share with others: a file of partners/industries/.", examples=["retail"]
    )
    zone: Zone | None = Field(default=None, description="Their time zone.")
    address: Address | None = Field(default=None, description="Their address.")
    contacts: tuple[Contact, ...] = Field(default=(), description="Whom to ask, the first one first.")
    keep: Keep | None = Field(
        default=None, description="How long the bodies of their messages are kept; without it as our company says."
    )
    terms: dict[str, Any] | None = Field(
        default=None, exclude=True, description="Terms of all agreements with them (see Terms)."
    )
    agreements: dict[str, Any] = Field(
        default_factory=dict, exclude=True, description="What we send and receive, by name (see Agreement)."
    )


class Industry(Written):
    """`industries/<name>.yaml`: terms many partners share."""

    name: str = Field(min_length=1, description="What these partners have in common.")
    terms: dict[str, Any] = Field(description="Their common terms (see Terms).", exclude=True)
