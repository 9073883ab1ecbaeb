"""What doing something again would do, said before it is done: who sees what, which numbers, twice or not.

Command line, API and console show these sentences. Nothing is written here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from gateway.lifecycle import DeliveryStatus, DocumentStatus
from gateway.pipeline.again import CannotRunAgain, way_back
from gateway.pipeline.situations import spoken
from gateway.pipeline.telling import delivery_words, kind_words
from gateway.store import lease
from gateway.store.engine import View
from gateway.store.schema import delivery, delivery_document, document, functional_group, interchange, transmission

FINISHED = (DeliveryStatus.DELIVERED, DeliveryStatus.REJECTED, DeliveryStatus.SKIPPED)


@dataclass(frozen=True, slots=True)
class Preview:
    """A heading and what would follow."""

    title: str
    effects: tuple[str, ...]


def resend(view: View, delivery_id: int) -> Preview:
    """The same bytes once more. Raises CannotRunAgain."""
    row = view.get(delivery, delivery_id)
    if row is None:
        raise CannotRunAgain(f"there is no delivery L-{delivery_id}")
    if row.status == DeliveryStatus.OFFERED:
        raise CannotRunAgain(f"L-{delivery_id} still lies ready for {row.target} to fetch; there is nothing to repeat")
    if row.lease_until is not None and row.lease_until > view.now:
        raise CannotRunAgain(f"an attempt of L-{delivery_id} is under way; look again in a minute")
    what, again = delivery_words(row), row.stage is not None
    effects = [f"{row.target} is sent {what} ({row.lane} lane)."]
    effects += _numbers(view, row) if row.kind == "envelope" else []
    match row.kind, again, row.status:
        case "call", _, _:
            effects.append(
                f"{row.target} is asked first whether it has it; it is sent again only if it surely has not."
                if again
                else f"It goes under a key of its own: if {row.target} has done it already, it may do it a second time."
            )
        case _, True, DeliveryStatus.DUE:
            effects.append("It has not arrived yet: this is its next try, sooner than planned.")
        case _, True, DeliveryStatus.RECEIPT_OWED:
            effects.append(
                f"{row.target} took it and owes its receipt: the same message goes again under the same Message-ID."
            )
        case _, True, _:
            effects.append("It has not arrived as far as we know; its tries are counted from one again.")
        case _, False, DeliveryStatus.DELIVERED:
            effects.append(
                f"{row.target} has it already and sees it twice, with the same numbers; "
                "whether that is a repetition is for them to say."
            )
        case _:
            effects.append(f"{row.target} has not taken it before.")
    effects += _behind(view, delivery_id, "once it is taken")
    return Preview(f"Send the same again: L-{delivery_id}", tuple(effects))


def skip(view: View, delivery_id: int) -> Preview:
    """It is not owed any more. Raises CannotRunAgain."""
    row = view.get(delivery, delivery_id)
    if row is None:
        raise CannotRunAgain(f"there is no delivery L-{delivery_id}")
    if row.stage is None and row.status != DeliveryStatus.REJECTED:
        raise CannotRunAgain(f"L-{delivery_id} is {row.status}; there is nothing to skip")
    effects = [f"{row.target} is not sent {delivery_words(row)} ({row.lane} lane), now or later."]
    effects += _behind(view, delivery_id, "at once")
    return Preview(f"Skip L-{delivery_id}", tuple(effects))


def _behind(view: View, delivery_id: int, when: str) -> list[str]:
    blocked = view.scalar(select(func.count()).where(delivery.c.blocked_by == delivery_id))
    return [f"{blocked} more wait{'s' if blocked == 1 else ''} behind it and go on {when}."] if blocked else []


def _numbers(view: View, row: Any) -> list[str]:
    body = json.loads(row.body)
    envelope = view.get(interchange, body["interchange_id"])
    if envelope is None:
        return []
    numbers = [f"interchange {envelope.control_number}"]
    groups = select(functional_group).where(functional_group.c.interchange_id == envelope.id)
    numbers += [f"group {group.control_number}" for group in view.all(groups)]
    carried = select(document).join(delivery_document, delivery_document.c.document_id == document.c.id)
    names = [
        f"D-{one.id} ({kind_words(one)})"
        for one in view.all(carried.where(delivery_document.c.delivery_id == row.id).order_by(document.c.id).limit(20))
    ]
    said = [f"The bytes and numbers are the same: {', '.join(numbers)}."]
    return said + ([f"In it: {'; '.join(names)}."] if names else [])


def delivery_of(view: View, document_id: int) -> int:
    """The latest delivery that carried a document. Raises CannotRunAgain."""
    row = view.get(document, document_id)
    if row is None:
        raise CannotRunAgain(f"there is no document D-{document_id}")
    if row.direction == "in":
        raise CannotRunAgain(f"D-{document_id} came in; it was never sent. `gateway reprocess D-{document_id}` runs it")
    carried = select(func.max(delivery_document.c.delivery_id)).where(delivery_document.c.document_id == document_id)
    found: int | None = view.scalar(carried)
    if found is None:
        raise CannotRunAgain(f"D-{document_id} is {row.status}: it is in no envelope yet")
    return found


def reprocess_document(view: View, document_id: int) -> Preview:
    """The same document through today's maps, or on from where we stopped. Raises CannotRunAgain."""
    row = view.get(document, document_id)
    if row is None:
        raise CannotRunAgain(f"there is no document D-{document_id}")
    if lease.is_stopped(row):
        return Preview(f"Run it again: D-{document_id}", (_goes_on(row), "Nothing of that was done yet."))
    way_back(view, row)
    effects = [f"{kind_words(row)} of {row.partner} goes through today's profiles and maps."]
    match row.status:
        case DocumentStatus.DONE:
            effects.append(
                "It was used before. Where the map gives the same, nothing follows; its order is not entered twice."
            )
        case DocumentStatus.HELD | DocumentStatus.DUPLICATE:
            effects.append(
                "It was set aside; from now on it is used. If its number was used before, it goes on beside that, "
                f"with /D-{row.id} behind its number."
            )
        case DocumentStatus.INVALID:
            effects.append("Its sender was told that we refused it; they are not told otherwise by this.")
        case DocumentStatus.WITHHELD:
            effects.append("It is judged by the rules again; `gateway answer` releases it all the same.")
        case DocumentStatus.REFUSED:
            effects.append(f"{row.partner} refused it; they get it once more, with new control numbers.")
        case DocumentStatus.REFUSED_BY_US | DocumentStatus.READY:
            effects.append(f"If it can be written now, {row.partner} gets it with new control numbers, once.")
        case _:
            effects.append("It was never passed on, so nothing can happen twice.")
    if row.direction == "in":
        effects.append(f"{row.partner} gets no second acknowledgement.")
    return Preview(f"Run it again through today's maps: D-{document_id}", tuple(effects))


def reprocess_transmission(view: View, transmission_id: int) -> Preview:
    """The same bytes from the beginning, or on from where we stopped. Raises CannotRunAgain."""
    row = view.get(transmission, transmission_id)
    if row is None:
        raise CannotRunAgain(f"there is no transmission T-{transmission_id}")
    if lease.is_stopped(row):
        kept = "What was stored of it stays as it is and is not read again."
        return Preview(f"Read on: T-{transmission_id}", (_goes_on(row), kept))
    if row.stage is not None:
        raise CannotRunAgain(f"T-{transmission_id} is being read")
    inside = view.all(select(interchange).where(interchange.c.transmission_id == transmission_id))
    named = spoken(row.filename) if row.filename else f"{row.size:,} bytes"
    effects = [f"{named} of connection {row.connection} is read again from its first byte, by today's profiles."]
    for one in inside:
        sender = one.partner or f'sender "{spoken(one.sender)}"'
        effects.append(f"Interchange {one.control_number} of {sender} was {one.status}; it is judged again.")
    if any(one.status in ("accepted", "accepted-with-errors") for one in inside):
        effects.append("What was used before is recognised by its order numbers and is not used a second time.")
    effects.append("The sender gets the acknowledgements this reading deserves, with new control numbers.")
    return Preview(f"Read it again: T-{transmission_id}", tuple(effects))


def _goes_on(row: Any) -> str:
    return f"A defect of ours stopped it in stage {row.stage} after {row.attempts} tries; it goes on with that stage."
