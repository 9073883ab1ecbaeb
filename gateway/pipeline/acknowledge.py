"""acknowledge: what the sender of an interchange is told, and what a TA1 tells us.

The functional acknowledgement is an outbound document like any other: it is made in the commit that releases what it
speaks of, and in its envelope too. Only where that commit failed before it is left to the stage `wrap`. A TA1 stands
outside of groups, so its interchange is made here at once.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select, update

from gateway.formats import words
from gateway.formats.x12 import acknowledge as x12
from gateway.formats.x12.answers import Outcome as TheirVerdict
from gateway.formats.x12.answers import answer_of_ta1
from gateway.lifecycle import DOCUMENT_MOVES, DocumentStatus, InterchangeStatus, Outcome
from gateway.partners.agreement import Agreement
from gateway.partners.book import Book
from gateway.pipeline import wrap
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.pipeline.route import owe
from gateway.pipeline.staging import Group, Interchange
from gateway.store import control_numbers, payloads
from gateway.store.engine import Tx
from gateway.store.ids import take
from gateway.store.schema import document, interchange

DETAIL = {"all": x12.Detail.ALL, "errors": x12.Detail.ALL, "none": x12.Detail.GROUP}


def prepare(tx: Tx, book: Book, closed: Sequence[Interchange]) -> list[Made]:
    """The acknowledgements of interchanges that were read to their end; each group's row names its own."""
    made: list[tuple[Interchange, Group, Agreement, list[Sequence[str]]]] = []
    for one in closed:
        for group in one.groups:
            agreement = book.agreements.get(group.values["agreement"] or "")
            if agreement is None or agreement.acknowledge.with_ == "none":
                continue
            rows = _functional(one, group, agreement)
            if rows is not None:
                made.append((one, group, agreement, rows))
    numbered = [(*one, number) for one, number in zip(made, take(tx, "document", len(made)), strict=True)]
    for _, group, _, _, number in numbered:
        group.values["acknowledged_by"] = number
    return numbered


def answer(tx: Tx, book: Book, closed: Sequence[Interchange], made: Sequence[Made]) -> None:
    """Store the acknowledgements of interchanges, and the TA1 of these."""
    for one in closed:
        _ta1(tx, book, one)
    at_once = [one for one in made if one[0].row.attempts <= 1]
    later = [one for one in made if one[0].row.attempts > 1]
    tx.insert(document, [*_in_envelopes(tx, book, at_once), *_for_wrap(tx, later)])


Made = tuple[Interchange, Group, Agreement, list[Sequence[str]], int]  # the segments, ST to SE, and its document's id


def _in_envelopes(tx: Tx, book: Book, made: Sequence[Made]) -> list[dict[str, Any]]:
    if not made:
        return []
    rows = {one[-1]: _document(tx, *one) for one in made}
    ready = [(SimpleNamespace(**rows[one[-1]]), one[3][1:-1], wrap.address_back(one[0].values)) for one in made]
    for row, values in wrap.put(tx, book, ready):
        rows[row.id] |= {**values, "stage": None, "due_at": None}
    return list(rows.values())


def _for_wrap(tx: Tx, made: Sequence[Made]) -> list[dict[str, Any]]:
    if not made:
        return []
    tx.wake("wrap")
    bodies = [
        payloads.segments_body(rows[1:-1], owner=agreement.partner, lane=agreement.lane)
        for _, _, agreement, rows, _ in made
    ]
    return [
        {**_document(tx, *one), "payload_id": stored.id, "offset": 0, "size": stored.size}
        for one, stored in zip(made, payloads.store_many(tx, bodies), strict=True)
    ]


def _functional(one: Interchange, group: Group, agreement: Agreement) -> list[Sequence[str]] | None:
    """The 997 or 999 of a group, ST to SE."""
    terms = agreement.acknowledge
    findings = group.findings
    if one.status is InterchangeStatus.REJECTED:  # what is wrong with its envelope has no code here: TA1 says it
        findings = [*findings, *(replace(finding, standard_code=None) for finding in one.findings)]
    sets = group.sets
    if terms.detail == "errors":
        sets = [outcome for outcome in sets if outcome.verdict != "A"]
    outcome = x12.GroupOutcome(group.gs, group.sets, ["GE", str(group.counted)], tuple(findings))
    separators = agreement.envelope.separators
    made = x12.functional_acknowledgement(
        outcome, "0001", kind=terms.with_, detail=DETAIL[terms.detail], separators=separators
    )
    if made is None or terms.detail != "errors":
        return made
    named = {(result.set_id, result.control_number) for result in sets}
    return _only(made, named)


def _only(rows: Sequence[Sequence[str]], named: set[tuple[str, str]]) -> list[Sequence[str]]:
    """An acknowledgement without the AK2 loops of sets that are fine."""
    kept: list[Sequence[str]] = []
    wanted = True
    for row in rows:
        if row[0] == "AK2":
            wanted = (row[1], row[2]) in named
        elif row[0] in ("AK9", "SE"):
            wanted = True
        if wanted:
            kept.append(row)
    return kept


def _document(
    tx: Tx,
    one: Interchange,
    group: Group,
    agreement: Agreement,
    made: Sequence[Sequence[str]],
    number: int,
) -> dict[str, Any]:
    release = agreement.document.release
    return {
        "id": number,
        "direction": "out",
        "lane": one.values["lane"],
        "company": one.values["company"],
        "partner": one.values["partner"],
        "agreement": agreement.name,
        "standard": "x12",
        "set_id": made[0][1],
        "version": group.gs[8] if group.gs[8].startswith(release) else release,  # "4010" has no place in an envelope
        "payload_id": None,
        "offset": None,
        "size": None,
        "segments": len(made),
        "interchange_id": None,
        "group_id": None,
        "control_number": None,
        "status": DocumentStatus.READY,
        "released": True,
        "kind": "acknowledgement",
        "business_key": f"{group.gs[1]} {group.gs[6]}",
        "correlation_id": f"D-{number}",
        "received_at": tx.now,
        "updated_at": tx.now,
        "stage": "wrap",
        "due_at": tx.now,
    }


def _ta1(tx: Tx, book: Book, one: Interchange) -> None:
    values = one.values
    terms = book.acknowledging(values["company"], values["partner"], values["lane"])
    if terms is None or not one.isa or terms.acknowledge.ta1 == "never":
        return
    if terms.acknowledge.ta1 == "asked" and one.isa[14] != "1":
        return
    groups = [x12.GroupOutcome(group.gs, group.sets) for group in one.groups]
    row = x12.interchange_acknowledgement(one.isa, one.findings, groups)
    if row is None:
        return
    counter = (terms.company, terms.partner, terms.lane, "ISA")
    number = control_numbers.draw(tx, [counter])[counter][0]
    now = dt.datetime.fromtimestamp(tx.now / 1_000_000, dt.UTC)
    separators = terms.envelope.separators
    content = x12.answer_interchange(one.isa, [], x12.AnswerNumbers(number), now, ta1=row, separators=separators)
    assert content is not None
    stored = payloads.store(tx, content, owner=terms.partner, lane=terms.lane)
    (interchange_id,) = take(tx, "interchange")
    values = {
        "id": interchange_id,
        "direction": "out",
        "standard": "x12",
        "company": terms.company,
        "partner": terms.partner,
        "lane": terms.lane,
        "sender_qualifier": one.values["receiver_qualifier"],
        "sender": one.values["receiver"],
        "receiver_qualifier": one.values["sender_qualifier"],
        "receiver": one.values["sender"],
        "control_number": f"{number:09d}",
        "content_sha256": stored.sha256,
        "version": one.values["version"],
        "status": InterchangeStatus.SENT,
        "position": 0,
        "offset": 0,
        "size": stored.size,
        "received_at": tx.now,
        "payload_id": stored.id,
    }
    tx.insert(interchange, [values])
    owe(
        tx,
        [
            {
                "kind": "envelope",
                "target": one.row.connection,
                "lane": terms.lane,
                "partner": terms.partner,
                "payload_id": stored.id,
                "body": json.dumps({"interchange_id": interchange_id, "set": "TA1"}),
                "idempotency_key": f"ta1:{one.id}",
                "correlation_id": None,
            }
        ],
    )


def read_ta1(tx: Tx, house: House, answers: Iterable[tuple[Interchange, list[str]]]) -> None:
    """What partners' TA1 segments say of interchanges of ours: a refusal is a person's work."""
    alerts = []
    for one, row in answers:
        said = answer_of_ta1(row)
        if said.outcome is not TheirVerdict.REJECTED or one.status not in _USED:
            continue
        number = (said.interchange_control_number or "").rjust(9, "0")
        ours = tx.first(
            select(interchange.c.id)
            .where(
                interchange.c.direction == "out",
                interchange.c.partner == one.values["partner"],
                interchange.c.lane == one.values["lane"],
                interchange.c.control_number == number,
            )
            .order_by(interchange.c.id.desc())
        )
        data = {
            "kind": "interchange",
            "business_key": number,
            "reason": "; ".join(words.message_and_remedy(one)[0] for one in said.findings),
        }
        subject = ("interchange", ours.id) if ours else None
        key = f"ta1:{one.values['partner']}:{number}"
        refused = _refused(tx, ours.id) if ours is not None else []
        data["it"] = refused[0] if refused else "D-..."
        where = f"TA1 for interchange {number}" + (f": {', '.join(refused[:5])}" if refused else "")
        alerts.append(Alert("answer-refused", one.values["lane"], key, data, where, subject, one.values["partner"]))
        if ours is not None:
            tx.execute(update(interchange).where(interchange.c.id == ours.id).values(status=InterchangeStatus.REJECTED))
    raise_alerts(tx, alerts)


_USED = frozenset({InterchangeStatus.STAGED, InterchangeStatus.ACCEPTED, InterchangeStatus.PARTIAL})
"""An interchange whose TA1 counts: not one of the other lane, a stranger's, or one that is refused itself."""


def _refused(tx: Tx, interchange_id: int) -> list[str]:
    """The documents of an interchange they did not open are refused with it; returns them."""
    mine = update(document).where(document.c.interchange_id == interchange_id, document.c.status.in_(_UNANSWERED))
    values = {"status": DocumentStatus.REFUSED, "confirm_due_at": None, "updated_at": tx.now}
    return [f"D-{row.id}" for row in sorted(tx.all(mine.values(**values).returning(document.c.id)))]


_UNANSWERED = [
    status
    for status, outcome in DOCUMENT_MOVES
    if outcome is Outcome.REFUSED and status not in (DocumentStatus.CONFIRMED, DocumentStatus.REFUSED)
]
