"""What must be true at the end, judged by what reached the other sides: their raw arrivals, repetitions and all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.cli.story import papers
from gateway.cli.story.parties import Simulator
from gateway.cli.story.plot import Cast, good_orders

ANSWERS = {"855": "BAK", "856": "PRF", "810": "BIG"}  # set -> the segment that names the order
PLACE = {"BAK": 3, "PRF": 1, "BIG": 4}
STATES = ("received", "accepted", "shipped", "invoiced")  # what the CRM is told of each order


@dataclass(frozen=True, slots=True)
class Paper:
    """One document that reached the retailer, with the envelope it came in."""

    envelope: str  # our interchange control number
    set_id: str
    rows: tuple[tuple[str, ...], ...]

    def row(self, tag: str) -> tuple[str, ...]:
        return next((row for row in self.rows if row[0] == tag), ())

    @property
    def order(self) -> str:
        tag = ANSWERS.get(self.set_id, "")
        row = self.row(tag)
        return row[PLACE[tag]] if tag and len(row) > PLACE[tag] else ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    holds: bool
    said: str
    found: str = ""  # what was found instead


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that was checked, and the counts."""

    checks: tuple[Check, ...]
    lost: int
    doubled: int
    repeated: int  # the same bytes under the same number reached the retailer again

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)


@dataclass(frozen=True, slots=True)
class Counts:
    """What reached the other sides of everything that had to."""

    lost: list[str]
    doubled: list[str]
    repeated: int
    acknowledged: dict[int, list[Paper]]


def judge(cast: Cast) -> Verdict:
    """Compare what was sent with what arrived."""
    counts = count(cast)
    checks = [
        Check(
            not counts.lost, f"Lost: {len(counts.lost)}. {_sum(cast, good_orders(cast))}", "; ".join(counts.lost[:5])
        ),
        Check(not counts.doubled, f"Doubled: {len(counts.doubled)}.", "; ".join(counts.doubled[:5])),
        *_separate(cast, counts.acknowledged),
    ]
    return Verdict(tuple(checks), len(counts.lost), len(counts.doubled), counts.repeated)


def count(cast: Cast) -> Counts:
    """What is missing and what came twice, at the far sides."""
    numbers = [order.number for order in good_orders(cast)]
    everything = list(papers_of(cast.retailer))
    by_envelope: dict[tuple[str, str], Paper] = {(paper.envelope, paper.row("ST")[2]): paper for paper in everything}
    once = list(by_envelope.values())
    erp = Counter(_entered(cast.erp))
    lost: list[str] = []
    doubled: list[str] = []
    for number in numbers:
        _count(f"{number} in the ERP", erp[number], lost, doubled)
        for set_id in ANSWERS:
            found = sum(1 for paper in once if paper.set_id == set_id and paper.order == number)
            _count(f"{set_id} for {number}", found, lost, doubled)
    told = Counter((row["about"], row["status"]) for row in cast.crm.holds()["updates"])
    for number in numbers:
        for state in STATES:
            _count(f"news to the CRM that {number} is {state}", told[number, state], lost, doubled)
    acknowledged = acknowledgements(once)
    for control_number in {one.number for one in cast.sent if one.used}:
        _count(f"acknowledgement of {control_number}", len(acknowledged.get(control_number, [])), lost, doubled)
    return Counts(lost, doubled, len(everything) - len(once), acknowledged)


def _count(what: str, count: int, lost: list[str], doubled: list[str]) -> None:
    if count == 0:
        lost.append(what)
    elif count > 1:
        doubled.append(f"{what}, {count} times")


def _sum(cast: Cast, orders: list[papers.PurchaseOrder]) -> str:
    return (
        f"{len(orders)} good orders: each once in the ERP, each with one 855, one 856 and one 810, "
        f"each told to the CRM {len(STATES)} times; {len({s.number for s in cast.sent if s.used})} files acknowledged."
    )


def _separate(cast: Cast, acknowledged: dict[int, list[Paper]]) -> Iterator[Check]:
    yield from _broken_and_repeated(cast, acknowledged)
    yield from _set_aside(cast, acknowledged)
    number = papers.AFTER_500.number
    posts = [line for line in cast.erp.arrivals() if line["method"] == "POST" and number in line["body"]]
    looks = [line for line in cast.erp.arrivals() if line["method"] == "GET" and number in str(line["query"])]
    said = "After its 500 the ERP was asked before anything was sent again: one order, one POST."
    yield Check(len(posts) == 1 and len(looks) >= 1, said, f"{len(posts)} POSTs, {len(looks)} looks")
    again = len(cast.gateway.worker_pids()) > len(cast.killed) > 0
    pids = ", ".join(map(str, cast.killed))
    yield Check(again, f"The worker (pid {pids}) was killed with SIGKILL and started again.")


def _broken_and_repeated(cast: Cast, acknowledged: dict[int, list[Paper]]) -> Iterator[Check]:
    broken = next(one for one in cast.sent if len(one.orders) == len(papers.THREE))
    words = [row[1] for paper in acknowledged.get(broken.number, []) for row in paper.rows if row[0] == "AK5"]
    said = "The file of three: first and third accepted, the broken second refused."
    yield Check(words == ["A", "R", "A"], said, f"{words}")
    first = cast.sent[0]
    envelopes = [paper.envelope for paper in papers_of(cast.retailer) if _answers(paper) == first.number]
    said = "The exact duplicate was answered with the first answer again, the same bytes."
    yield Check(len(envelopes) >= 2 and len(set(envelopes)) == 1, said, f"{envelopes}")
    lines = [len(one["lines"]) for one in cast.erp.holds()["orders"] if one["customer_po"] == papers.FIRST.number]
    said = "The same number with other content was not used."
    yield Check(lines == [len(papers.FIRST.lines)], said, f"{lines}")


def _set_aside(cast: Cast, acknowledged: dict[int, list[Paper]]) -> Iterator[Check]:
    inside = _raw(cast.erp) + _raw(cast.crm)
    yield Check(papers.TRIAL.number not in inside, "Nothing of the test lane reached a production system.")
    tested = {_answers(paper) for paper in papers_of(cast.retailer_test)}
    wanted = {one.number for one in cast.sent if papers.TRIAL in one.orders}
    yield Check(tested == wanted, "The test order was acknowledged in the test lane.", f"{tested}")
    unknown = next(one.number for one in cast.sent if papers.STRANGERS in one.orders)
    unseen = papers.STRANGERS.number not in inside and unknown not in acknowledged
    yield Check(unseen, "The unknown sender's order reached nobody and was not acknowledged.")


def acknowledgements(once: Iterable[Paper]) -> dict[int, list[Paper]]:
    """The group number of what was sent -> the 997s that speak of it."""
    found: dict[int, list[Paper]] = {}
    for paper in once:
        number = _answers(paper)
        if number is not None:
            found.setdefault(number, []).append(paper)
    return found


def _answers(paper: Paper) -> int | None:
    row = paper.row("AK1")
    return int(row[2]) if paper.set_id == "997" and len(row) > 2 else None


def papers_of(retailer: Simulator) -> Iterator[Paper]:
    """Every document that reached a retailer, by wire or folder, in the order of arrival."""
    for line in retailer.arrivals():
        if line.get("path") == "/edi" or "file" in line:
            yield from documents_in(line["body"])


def documents_in(text: str) -> Iterator[Paper]:
    """The documents of one interchange, read with a few lines of our own: the judge shares no mistake of the engine."""
    element, terminator = text[3], text[105]
    rows = [tuple(part.strip("\r\n").split(element)) for part in text.split(terminator)]
    envelope = rows[0][13]
    inside: list[tuple[str, ...]] = []
    for row in rows:
        if row[0] == "ST":
            inside = [row]
        elif row[0] == "SE":
            yield Paper(envelope, inside[0][1], (*inside, row))
        else:
            inside.append(row)


def _entered(erp: Simulator) -> Iterator[str]:
    for order in erp.holds()["orders"]:
        yield order["customer_po"]


def _raw(simulator: Simulator) -> str:
    return json.dumps(simulator.arrivals())
