"""How the story is told: progress while it runs, then timelines, answers, work items, counts, addresses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from sqlalchemy import select

from gateway.cli.items import told
from gateway.cli.story import papers
from gateway.cli.story.plot import Cast, good_orders
from gateway.cli.story.verdict import Verdict, acknowledgements, judge, papers_of
from gateway.cli.times import clock, zone_name
from gateway.cli.trace import told as trace_told
from gateway.pipeline.trace import trace
from gateway.store import schema
from gateway.store.engine import Store, View
from gateway.store.work_items import waiting

STEPS = {
    "order.received": "understood",
    "order.submitted": "in the ERP",
    "order.accepted": "accepted",
    "order.released": "released",
    "shipment.confirmed": "shipped",
    "invoice.issued": "billed",
}
WORDS = {"A": "accepted", "E": "accepted with errors", "P": "partly accepted", "R": "refused"}


class Teller:
    """Says each step once, with the seconds since the beginning; on a terminal a spinner shows that it goes on."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._status: Status | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def __call__(self, sentence: str) -> None:
        self.console.print(f"[dim]{self.seconds:5.1f} s[/]  {escape(sentence)}", highlight=False, soft_wrap=True)
        if self._status is not None:
            self._status.update(escape(sentence.split(". ")[0].rstrip(".")))

    @contextmanager
    def telling(self) -> Iterator[None]:
        if not self.console.is_terminal:
            yield
            return
        with self.console.status("...") as self._status:
            yield
        self._status = None

    def heading(self, text: str) -> None:
        self.console.print()
        self.console.print(f"[bold]{escape(text)}[/]", highlight=False)

    def line(self, text: str = "", style: str = "") -> None:
        self.console.print(escape(text), style=style or None, highlight=False, soft_wrap=True)


def timelines(teller: Teller, cast: Cast) -> None:
    """Every order on one line, and the first one in full."""
    teller.heading(f"Each order's way (times are {zone_name()})")
    with cast.store.read() as view:
        for order in good_orders(cast):
            teller.line(f"  {order.number:<8} {_way(view, order.number)}")
        full = trace(view, papers.FIRST.number)
    teller.heading(f"Order {papers.FIRST.number} in full: gateway trace {papers.FIRST.number}")
    for line in trace_told(full)[1:]:
        teller.line(line)


def _way(view: View, number: str) -> str:
    """`05:12:01 understood, 05:12:02 in the ERP, ...; 855 856 810 accepted by harbor-pine`"""
    e, k, d = schema.event, schema.event_key, schema.document
    touched = select(e).join(k, k.c.event_id == e.c.id).where(k.c.key.like(f"%/{number}")).order_by(e.c.id)
    steps = [f"{clock(row.recorded_at)[:8]} {STEPS[row.type]}" for row in view.all(touched) if row.type in STEPS]
    source = select(d.c.id).where(d.c.direction == "in", d.c.kind == "order", d.c.business_key == number)
    answers = view.all(select(d).where(d.c.answers_document_id.in_(source), d.c.direction == "out").order_by(d.c.id))
    said = ", ".join(f"{row.set_id} {row.status}" for row in answers)
    return f"{', '.join(steps)}; {said}"


def answers(teller: Teller, cast: Cast) -> None:
    """What was sent, and what its sender was told."""
    teller.heading("What was acknowledged, and how")
    arrived = [*papers_of(cast.retailer), *papers_of(cast.retailer_test)]
    by_number = acknowledgements(arrived)
    many: dict[str, str] = {}  # our envelope -> its verdict
    first_of: dict[int, int] = {}
    for place, one in enumerate(cast.sent):
        if len(one.orders) == 1 and one.orders[0].number.startswith("HP-2"):
            many |= {paper.envelope: paper.row("AK9")[1] for paper in by_number.get(one.number, ())}
            continue
        repeat = first_of.setdefault(one.number, place) != place
        told = by_number.get(one.number, [])
        told = told[1:] if repeat and one.used else [] if repeat else told[:1]
        said = "; ".join(_said(paper.rows) for paper in told) or "nothing: it was set aside for a person"
        teller.line(f"  {one.number:09d}  {one.what}: {said}")
    teller.line(
        f"  {len(many)} more, sent just before the worker was killed: {list(many.values()).count('A')} accepted"
    )


def _said(rows: tuple[tuple[str, ...], ...]) -> str:
    overall = next(WORDS.get(row[1], row[1]) for row in rows if row[0] == "AK9")
    sets = [f"{a[2]} {WORDS.get(b[1], b[1])}" for a, b in _pairs(rows)]
    return f"997 {overall}" + (f" ({', '.join(sets)})" if len(sets) > 1 else "")


def _pairs(rows: tuple[tuple[str, ...], ...]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    named: tuple[str, ...] = ()
    for row in rows:
        if row[0] == "AK2":
            named = row
        elif row[0] == "AK5":
            yield named, row


def work_items(teller: Teller, store: Store) -> None:
    """What waits for a person, by the moment something is lost."""
    with store.read() as view:
        rows = waiting(view)
    teller.heading(f"Waits for a person: {len(rows)}")
    for row in rows:
        title, *more = told(row)
        teller.line()
        teller.line(f"  {title}", "bold")
        for line in more:
            teller.line(f"  {line}")


def counts(teller: Teller, verdict: Verdict) -> None:
    """What held and what did not."""
    teller.heading("Counted at the other sides, in their raw logs")
    for check in verdict.checks:
        mark, style = ("ok ", "") if check.holds else ("NOT", "bold red")
        teller.line(f"  {mark}  {check.said}", style)
        if not check.holds and check.found:
            teller.line(f"       found: {check.found}", style)
    if verdict.repeated:
        same = "the duplicate's answer, and what was being sent when the worker died"
        many = "1 document" if verdict.repeated == 1 else f"{verdict.repeated} documents"
        teller.line(f"       {many} reached the retailer again under the same number: {same}.")


def whole(teller: Teller, cast: Cast) -> bool:
    """The story of the orders to its end; True if all of it held."""
    verdict = judge(cast)
    timelines(teller, cast)
    answers(teller, cast)
    work_items(teller, cast.store)
    counts(teller, verdict)
    addresses(teller, cast)
    return verdict.holds


def addresses(teller: Teller, cast: Cast) -> None:
    """Where to look next."""
    teller.heading("Addresses")
    teller.line(f"  Gateway         {cast.gateway.url}/docs   (key: {cast.internal_key})")
    for simulator in (cast.retailer, cast.erp, cast.crm):
        teller.line(f"  {simulator.name:<15} {simulator.url}/control   arrivals: {simulator.log}")
    teller.line(f"  Gateway's log   {cast.gateway.log}")
    teller.line(f"  More            GATEWAY_HOME={cast.home} gateway trace HP-1002")
