"""Every status and every allowed move of what travels the road.

One table a thing. `move` is the only way to a new status: a move that is not in the table is a defect of ours.
The diagrams in docs/lifecycle.md are drawn from these tables (tests/test_lifecycle.py keeps them up to date).
"""

from __future__ import annotations

from enum import StrEnum


class TransmissionStatus(StrEnum):
    """What one transport unit (a request, a file, an AS2 message) has come to."""

    RECEIVED = "received"  # stored, its interchanges are not all read
    DONE = "done"  # every interchange in it was read to its end
    QUARANTINED = "quarantined"  # kept whole; a person decides, `gateway reprocess` reads it again


class InterchangeStatus(StrEnum):
    """What one ISA..IEA (or UNB..UNZ, or a CSV or XML file) has come to."""

    STAGED = "staged"  # being read; nothing of it is visible
    ACCEPTED = "accepted"  # every document in it was accepted
    PARTIAL = "accepted-with-errors"  # some documents were refused
    REJECTED = "rejected"  # nothing of it was used, and the sender was told where the standard allows it
    QUARANTINED = "quarantined"  # nothing of it was used; a person decides
    DUPLICATE = "duplicate"  # the same bytes were processed before
    SENT = "sent"  # ours, with its final bytes


class DocumentStatus(StrEnum):
    """Where one document stands. Inbound above, outbound below."""

    STAGED = "staged"  # stored, its interchange is not read to its end
    DISCARDED = "discarded"  # its interchange was cut off or set aside
    INVALID = "invalid"  # refused by its guide; the acknowledgement says so
    HELD = "held"  # waits for a person (a duplicate with other content, a wrong lane)
    DUPLICATE = "duplicate"  # its content was processed before; kept, not used
    VALID = "valid"  # waits for its map
    CLEARED = "cleared"  # a person decided that it is used all the same; waits for its map
    STUCK = "stuck"  # its map could not carry it; a work item says why
    DONE = "done"  # its business fact is recorded and what is owed because of it is stored

    COMPOSED = "composed"  # canonical stored, waits for its map
    WITHHELD = "withheld"  # breaks a rule that holds before sending; a person releases or mends it
    WAIVED = "waived"  # a person decided that it goes out all the same; waits for its map
    REFUSED_BY_US = "refused-by-us"  # our map cannot write it, or it breaks the partner's own guide
    READY = "ready"  # its text is final, waits for its envelope
    WRAPPED = "wrapped"  # in an envelope that is owed to the partner
    SENT = "sent"  # left the house, no answer is expected
    AWAITING_CONFIRMATION = "awaiting-confirmation"  # left the house, the partner owes its acknowledgement
    CONFIRMED = "confirmed"  # the partner's acknowledgement accepted it
    REFUSED = "refused"  # the partner's acknowledgement refused it
    UNDELIVERED = "undelivered"  # its delivery gave up, as a work item says; or a person took it back before it left


class Outcome(StrEnum):
    """What a stage found; together with the status it decides the next status."""

    RELEASED = "released"
    REJECTED = "rejected"
    CUT_OFF = "cut off"
    SET_ASIDE = "set aside"
    SEEN_BEFORE = "seen before"
    TRANSLATED = "translated"
    NOT_TRANSLATED = "not translated"
    RUN_AGAIN = "run again"
    WRAPPED = "wrapped"
    DELIVERED = "delivered"
    DELIVERED_UNANSWERED = "delivered, answer owed"
    GAVE_UP = "gave up"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    CLEARED = "cleared by a person"


class DeliveryStatus(StrEnum):
    """Where one thing that we owe stands."""

    DUE = "due"  # waits for its turn or its next try
    STARTED = "started"  # an attempt is under way; after a crash nobody knows its end
    OFFERED = "offered"  # lies ready for the other side to fetch
    RECEIPT_OWED = "receipt-owed"  # their server took it; whether it is accepted they say by a call of their own
    DELIVERED = "delivered"  # the other side has it
    DEAD = "dead"  # gave up; holds its key until a person retries or skips it
    REJECTED = "rejected"  # the other side refused it for a business reason
    SKIPPED = "skipped"  # a person decided that it is not owed any more


S, O = DocumentStatus, Outcome  # noqa: E741 - the table reads as a table

DOCUMENT_MOVES: dict[tuple[DocumentStatus, Outcome], DocumentStatus] = {
    (S.STAGED, O.RELEASED): S.VALID,
    (S.STAGED, O.REJECTED): S.INVALID,
    (S.STAGED, O.CUT_OFF): S.DISCARDED,
    (S.STAGED, O.SET_ASIDE): S.HELD,
    (S.STAGED, O.SEEN_BEFORE): S.DUPLICATE,
    (S.VALID, O.TRANSLATED): S.DONE,
    (S.VALID, O.NOT_TRANSLATED): S.STUCK,
    (S.VALID, O.SEEN_BEFORE): S.DUPLICATE,
    (S.VALID, O.SET_ASIDE): S.HELD,
    (S.STUCK, O.RUN_AGAIN): S.VALID,
    (S.CLEARED, O.TRANSLATED): S.DONE,
    (S.CLEARED, O.NOT_TRANSLATED): S.STUCK,
    (S.CLEARED, O.SET_ASIDE): S.HELD,
    (S.HELD, O.CLEARED): S.CLEARED,
    (S.DUPLICATE, O.CLEARED): S.CLEARED,
    (S.INVALID, O.RUN_AGAIN): S.VALID,
    (S.DONE, O.RUN_AGAIN): S.VALID,
    (S.COMPOSED, O.TRANSLATED): S.READY,
    (S.COMPOSED, O.REJECTED): S.REFUSED_BY_US,
    (S.COMPOSED, O.NOT_TRANSLATED): S.REFUSED_BY_US,
    (S.COMPOSED, O.SET_ASIDE): S.WITHHELD,
    (S.WITHHELD, O.RUN_AGAIN): S.COMPOSED,
    (S.WITHHELD, O.CLEARED): S.WAIVED,
    (S.WAIVED, O.TRANSLATED): S.READY,
    (S.WAIVED, O.NOT_TRANSLATED): S.REFUSED_BY_US,
    (S.REFUSED_BY_US, O.RUN_AGAIN): S.COMPOSED,
    (S.READY, O.WRAPPED): S.WRAPPED,
    (S.READY, O.RUN_AGAIN): S.COMPOSED,  # its agreement was gone when its envelope was due
    # What it says is not so after all: a person took it back before it was in an envelope.
    (S.COMPOSED, O.GAVE_UP): S.UNDELIVERED,
    (S.WITHHELD, O.GAVE_UP): S.UNDELIVERED,
    (S.WAIVED, O.GAVE_UP): S.UNDELIVERED,
    (S.REFUSED_BY_US, O.GAVE_UP): S.UNDELIVERED,
    (S.READY, O.GAVE_UP): S.UNDELIVERED,
    (S.WRAPPED, O.DELIVERED): S.SENT,
    (S.WRAPPED, O.DELIVERED_UNANSWERED): S.AWAITING_CONFIRMATION,
    (S.WRAPPED, O.GAVE_UP): S.UNDELIVERED,
    (S.UNDELIVERED, O.DELIVERED): S.SENT,
    (S.UNDELIVERED, O.DELIVERED_UNANSWERED): S.AWAITING_CONFIRMATION,
    # They have it: their word counts for more than our note that it did not arrive.
    (S.UNDELIVERED, O.CONFIRMED): S.CONFIRMED,
    (S.UNDELIVERED, O.REFUSED): S.REFUSED,
    # An answer can overtake our own note that the bytes left the house.
    (S.WRAPPED, O.CONFIRMED): S.CONFIRMED,
    (S.WRAPPED, O.REFUSED): S.REFUSED,
    (S.AWAITING_CONFIRMATION, O.CONFIRMED): S.CONFIRMED,
    (S.AWAITING_CONFIRMATION, O.REFUSED): S.REFUSED,
    (S.SENT, O.CONFIRMED): S.CONFIRMED,
    (S.SENT, O.REFUSED): S.REFUSED,
    (S.CONFIRMED, O.DELIVERED): S.CONFIRMED,
    (S.CONFIRMED, O.DELIVERED_UNANSWERED): S.CONFIRMED,
    (S.CONFIRMED, O.CONFIRMED): S.CONFIRMED,
    (S.CONFIRMED, O.REFUSED): S.REFUSED,  # read (997), then not taken all the same (824)
    (S.REFUSED, O.DELIVERED): S.REFUSED,
    (S.REFUSED, O.DELIVERED_UNANSWERED): S.REFUSED,
    (S.REFUSED, O.REFUSED): S.REFUSED,
    (S.REFUSED, O.RUN_AGAIN): S.COMPOSED,
    # The same bytes sent once more at a person's wish: what they were before still holds if it does not arrive.
    (S.SENT, O.DELIVERED): S.SENT,
    (S.SENT, O.DELIVERED_UNANSWERED): S.AWAITING_CONFIRMATION,
    (S.AWAITING_CONFIRMATION, O.DELIVERED): S.SENT,
    (S.AWAITING_CONFIRMATION, O.DELIVERED_UNANSWERED): S.AWAITING_CONFIRMATION,
    (S.SENT, O.GAVE_UP): S.SENT,
    (S.AWAITING_CONFIRMATION, O.GAVE_UP): S.AWAITING_CONFIRMATION,
    (S.CONFIRMED, O.GAVE_UP): S.CONFIRMED,
    (S.REFUSED, O.GAVE_UP): S.REFUSED,
    (S.UNDELIVERED, O.GAVE_UP): S.UNDELIVERED,
}


class MoveNotAllowed(Exception):
    """A stage asked for a move that is not in the table: a defect of ours, never of a partner."""


def move(status: DocumentStatus | str, outcome: Outcome) -> DocumentStatus:
    """The status a document has after an outcome.

    Raises MoveNotAllowed where the table has no such move.
    """
    try:
        return DOCUMENT_MOVES[DocumentStatus(status), outcome]
    except KeyError:
        raise MoveNotAllowed(f"a document that is {status} cannot be {outcome}") from None


def diagram() -> str:
    """The document's life as a Mermaid state diagram."""
    rows = [f"    {was.name} --> {now.name}: {outcome}" for (was, outcome), now in DOCUMENT_MOVES.items()]
    return "\n".join(["stateDiagram-v2", *rows])


if __name__ == "__main__":
    import sys

    sys.stdout.write(diagram() + "\n")
