"""The rules an agreement wants kept before a document goes out, asked with what the house knows of its order."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from gateway.canonical import Document
from gateway.flows.before_sending import NEED_BEFORE, Breach, Sending, breaches
from gateway.lifecycle import DocumentStatus
from gateway.partners.book import Book
from gateway.partners.terms import Weight
from gateway.pipeline.alert import Alert
from gateway.store import canonical_documents
from gateway.store.engine import View
from gateway.store.schema import document

Breaches = tuple[Breach, ...]
NOT_TOLD = (DocumentStatus.WITHHELD, DocumentStatus.REFUSED_BY_US, DocumentStatus.REFUSED)


def judge(
    view: View, book: Book, rows: Sequence[Any], made: Mapping[int, Document], *, as_composed: bool = False
) -> dict[int, dict[Weight, Breaches]]:
    """Document -> what it breaks, by weight; `made` holds the documents and the orders they answer.

    Asked of now, or (`as_composed`) of the moment each was composed.
    """
    wanted = {}
    for row in rows:
        agreement = book.agreements.get(row.agreement)
        wanted[row.id] = agreement.before_sending.looking() if agreement is not None else {}
    asking = [row for row in rows if wanted[row.id].keys() & NEED_BEFORE and row.answers_document_id is not None]
    earlier = _earlier(view, asking)
    return {
        row.id: _judge(
            row.received_at if as_composed else view.now, book, row, made, wanted[row.id], earlier.get(row.id, ())
        )
        for row in rows
    }


def _judge(
    at_us: int,
    book: Book,
    row: Any,
    made: Mapping[int, Document],
    wanted: Mapping[str, Weight],
    earlier: Sequence[Document],
) -> dict[Weight, Breaches]:
    found: dict[Weight, Breaches] = {"hold": (), "warn": ()}
    if not wanted:
        return found
    agreement = book.agreements[row.agreement]
    terms, company = agreement.before_sending, book.companies[agreement.company]
    now = dt.datetime.fromtimestamp(at_us / 1_000_000, ZoneInfo(company.zone))
    order = made.get(row.answers_document_id)
    sending = Sending(made[row.id], order, earlier, now, terms.units, terms.required)
    for breach in breaches([*wanted], sending):
        found[wanted[breach.rule]] += (breach,)
    return found


def _earlier(view: View, rows: Sequence[Any]) -> dict[int, list[Document]]:
    """Document -> those of its kind that answered the same order before it."""
    if not rows:
        return {}
    kinds = {row.kind for row in rows}
    told = view.all(
        select(document.c.id, document.c.kind, document.c.answers_document_id).where(
            document.c.answers_document_id.in_({row.answers_document_id for row in rows}),
            document.c.kind.in_(kinds),
            document.c.direction == "out",
            document.c.status.not_in(NOT_TOLD),
        )
    )
    by_order: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for one in told:
        by_order[one.kind, one.answers_document_id].append(one.id)
    before = {row.id: [n for n in by_order[row.kind, row.answers_document_id] if n < row.id] for row in rows}
    made = canonical_documents.load(view, {n for numbers in before.values() for n in numbers})
    return {number: [made[n] for n in numbers] for number, numbers in before.items()}


def alerts(row: Any, held: Breaches, warned: Breaches) -> Iterator[Alert]:
    """A work item for what holds a document, and one for what went out all the same."""
    for code, found in (("held-before-sending", held), ("sent-all-the-same", warned)):
        if found:
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            data = {
                "kind": row.kind,
                "business_key": row.business_key,
                "breach": found[0].text + more,
                "remedy": found[0].remedy,
                "rules": [[one.rule, one.text, one.remedy] for one in found],
            }
            where = f"{row.set_id or row.kind} {row.business_key}, document D-{row.id}"
            key = f"document:{row.id}:{code}"
            yield Alert(code, row.lane, key, data, where, ("document", row.id), row.partner, row.correlation_id)
