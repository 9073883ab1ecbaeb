"""What leaves over AS2: receipts that partners want posted to an address of theirs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gateway.as2.identity import UnusableCertificate
from gateway.channels.as2 import As2Channel, split
from gateway.channels.channel import Refused, SendOutcome, Sends
from gateway.partners.secrets import SecretMissing
from gateway.pipeline.house import House
from gateway.store import payloads


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt as it was written when its message came."""

    headers: list[tuple[str, str]]
    body: bytes


def post_receipt(house: House, channel: Sends, row: Any) -> SendOutcome:
    """Post a stored receipt to the address its message named, if the profile of the partner lists that now."""
    if not isinstance(channel, As2Channel):
        return Refused(f"{row.target} is not an AS2 connection any more")
    try:
        agreed = channel.partnership()
    except (SecretMissing, UnusableCertificate) as error:
        return Refused(str(error))
    receipt = StoredReceipt(*split(payloads.read_all(house.store, row.payload_id)))
    return channel.post_receipt(receipt, json.loads(row.body)["url"], agreed).outcome
