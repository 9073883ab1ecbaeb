"""The story the other way round: this gateway in the house of a 3PL, shipping for two depositors.

The same code, other profiles (sample_docs/houses/blue-ridge): 940s come in, the warehouse system ships, 945s go out.
Both depositors use the same order numbers, as strangers may. What reached each of them is judged in its raw log.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select

from gateway.access.keys import issue
from gateway.access.scopes import Scope
from gateway.cli.story import papers, telling
from gateway.cli.story.parties import STARTER, Gateway, Simulator, free_port, hand_out, surroundings, wait_until
from gateway.cli.story.verdict import Check, Paper, Verdict, documents_in
from gateway.settings import Settings
from gateway.store import schema
from gateway.store.engine import Store

Tell = Callable[[str], None]
HOUSE = STARTER / "houses" / "blue-ridge"
DEPOSITORS = ("northwind", "lakeshore")
US = "BLUERIDGE"
ORDERS = ("WO-1", "WO-2", "WO-3")  # shipped in full, in two parts, short: of either depositor
LINES = {"1": 24, "2": 12}
WANTED = {  # order -> what each of its 945s says of line 1: pieces and status
    "WO-1": [("24", "CC")],
    "WO-2": [("12", "BP"), ("12", "CC")],
    "WO-3": [("18", "CP")],
}

WORDS = {"CC": "shipped, complete", "BP": "shipped, the rest follows", "CP": "shipped, the rest does not follow"}


@dataclass
class Cast:
    """Everybody in the story."""

    home: Path
    gateway: Gateway
    depositors: dict[str, Simulator]
    wms: Simulator
    store: Store

    @property
    def parties(self) -> tuple[Simulator | Gateway, ...]:
        return (*self.depositors.values(), self.wms, self.gateway)


def enter(home: Path, tell: Tell) -> Cast:
    """Start everybody and wait until they listen."""
    tell("Two depositors and the 3PL's warehouse system start, each a process that knows nothing but its wires.")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(home=home, partners=HOUSE, maps=STARTER / "maps", http_bind=f"127.0.0.1:{port}")
    settings.first_run()
    store = settings.open_store()
    store.migrate()
    scopes = frozenset({Scope.PARTNER_SEND, Scope.PARTNER_READ})
    keys = hand_out(store, [issue(name, scopes, "production", name) for name in DEPOSITORS])
    with contextlib.ExitStack() as on_error:
        depositors = {
            name: Simulator.start(
                "retailer",
                home,
                *("--us", f"ZZ:{name.upper()}", "--them", f"ZZ:{US}"),
                *("--send-to", f"{url}/partner/v1/documents", "--send-key", key),
                called=name,
            )
            for name, key in zip(DEPOSITORS, keys, strict=True)
        }
        wms = Simulator.start("erp", home, "--pace", "0.2", called="wms")
        for simulator in (*depositors.values(), wms):
            on_error.callback(simulator.stop)
        for simulator in (*depositors.values(), wms):
            simulator.ready()
        secrets = {"BLUE_RIDGE_WMS_URL": wms.url, "BLUE_RIDGE_WMS_KEY": "erp-key"}
        for name, simulator in depositors.items():
            secrets |= {f"{name.upper()}_URL": f"{simulator.url}/edi", f"{name.upper()}_TOKEN": "retailer-key"}
        tell("The gateway starts in the 3PL's house, with the 3PL's profiles.")
        gateway = Gateway(home, home / "gateway.log", url, surroundings(settings, {}, secrets))
        gateway.start()
        on_error.pop_all()  # from here on the caller ends them
    return Cast(home, gateway, depositors, wms, store)


def play(cast: Cast, tell: Tell, deadline: float) -> None:
    """From the first 940 to the last 945. Raises StoryFailed when something does not happen in time."""
    wait_until(cast.gateway.ready, deadline, "the gateway answers")
    tell("Each depositor sends three 940s: one that ships in full, one in two parts, one short.")
    for name in DEPOSITORS:
        cast.wms.tell(item=_item(name, "WO-2"), stock=12)
        cast.wms.tell(item=_item(name, "WO-3"), stock=18, short="close")
        for number, order in enumerate(ORDERS, 1):
            now, sender = dt.datetime.now(dt.UTC), name.upper()
            text = papers.enclose(500 + number, "OW", [_set(name, order)], sender=sender, receiver=US, now=now)
            cast.depositors[name].tell(send=text, name=f"{order}.edi")
    wait_until(lambda: _advices(cast) >= 6, deadline, "every order left once")
    tell("Six trucks left. Goods arrive for the orders that shipped in part.")
    for name in DEPOSITORS:
        cast.wms.tell(item=_item(name, "WO-2"), stock=100)
    wait_until(lambda: _advices(cast) >= 8 and _quiet(cast), deadline, "every order is told to its depositor")
    tell("Every depositor confirmed every 945.")


def _item(depositor: str, order: str) -> str:
    """The first article of an order: stock is counted by depositor."""
    return f"{depositor[:2].upper()}-{order}"


def _set(depositor: str, order: str) -> list[str]:
    """One 940."""
    body = [f"W05*N*{order}*PO-{order}", f"N1*DE*{depositor}", f"N1*ST*A customer of {depositor}"]
    for n, (line, quantity) in enumerate(LINES.items(), 1):
        sku = _item(depositor, order) if n == 1 else f"{depositor[:2].upper()}-TRAY"
        body += [f"LX*{n}", f"W01*{quantity}*EA**VN*{sku}", f"N9*LI*{line}"]
    body.append(f"W76*{sum(LINES.values())}")
    return ["ST*940*0001", *body, f"SE*{len(body) + 2}*0001"]


def _advices(cast: Cast) -> int:
    d = schema.document
    confirmed = select(func.count()).where(d.c.direction == "out", d.c.set_id == "945", d.c.status == "confirmed")
    with cast.store.read() as view:
        return int(view.scalar(confirmed))


def _quiet(cast: Cast) -> bool:
    v = schema.delivery
    with cast.store.read() as view:
        owed = view.scalar(select(func.count()).where(or_(v.c.due_at.is_not(None), v.c.blocked_by.is_not(None))))
    return not owed


def judge(cast: Cast) -> Verdict:
    """Compare what was asked with what reached each depositor and the warehouse system."""
    lost: list[str] = []
    doubled: list[str] = []
    entered = Counter((order["customer"], order["customer_po"]) for order in cast.wms.holds()["orders"])
    cartons: list[str] = []
    strangers: list[str] = []
    for name in DEPOSITORS:
        papers = list(_papers(cast.depositors[name]))
        answered = Counter(int(paper.row("AK1")[2]) for paper in papers if paper.set_id == "997")
        told = {order: sorted(_first_line(papers, order)) for order in ORDERS}
        for number, order in enumerate(ORDERS, 1):
            _compare(f"{name}'s {order} in the WMS", [1], [entered[name, order]], lost, doubled)
            _compare(f"997 for {name}'s {order}", [1], [answered[500 + number]], lost, doubled)
            _compare(f"945s of {name}'s {order}", sorted(WANTED[order]), told[order], lost, doubled)
        cartons += [row[2] for paper in papers for row in paper.rows if row[0] == "MAN"]
        others = [other[:2].upper() + "-" for other in DEPOSITORS if other != name]
        raw = json.dumps(cast.depositors[name].arrivals())
        strangers += [f"{one} at {name}" for one in others if one in raw]
    numbered = all(carton.startswith("00612345") for carton in cartons) and len(set(cartons)) == len(cartons) > 0
    checks = (
        Check(not lost, f"Lost: {len(lost)}. Six 940s of two depositors, eight 945s.", "; ".join(lost[:5])),
        Check(not doubled, f"Doubled: {len(doubled)}.", "; ".join(doubled[:5])),
        Check(numbered, f"{len(cartons)} cartons, each with an SSCC of the 3PL, no two the same.", f"{cartons}"),
        Check(not strangers, "Nothing of one depositor reached the other.", "; ".join(strangers)),
    )
    return Verdict(checks, len(lost), len(doubled), 0)


def _compare(what: str, wanted: list[Any], found: list[Any], lost: list[str], doubled: list[str]) -> None:
    if found != wanted:
        more = len(found) > len(wanted) or found > wanted
        (doubled if more else lost).append(f"{what}: {found} instead of {wanted}")


def _papers(depositor: Simulator) -> Iterator[Paper]:
    for line in depositor.arrivals():
        if line.get("path") == "/edi":
            yield from documents_in(line["body"])


def _first_line(papers: list[Paper], order: str) -> Iterator[tuple[str, str]]:
    """(pieces, status) of line 1 in every 945 of an order."""
    for paper in papers:
        if paper.set_id == "945" and paper.row("W06")[2] == order:
            rows = list(paper.rows)
            yield from (
                (row[3], row[1])
                for n, row in enumerate(rows[:-1])
                if row[0] == "W12" and any(later[:3] == ("N9", "LI", "1") for later in rows[n + 1 : n + 3])
            )


def report(teller: telling.Teller, cast: Cast) -> bool:
    """What each depositor was told, and what was counted; True if all of it held."""
    verdict = judge(cast)
    teller.heading("What each depositor was told of line 1 of its orders, 24 pieces")
    for name in DEPOSITORS:
        papers = list(_papers(cast.depositors[name]))
        for order in ORDERS:
            said = "; then ".join(f"{pieces} {WORDS[word]}" for pieces, word in _first_line(papers, order))
            teller.line(f"  {name:<10} {order}  {said}")
    telling.work_items(teller, cast.store)
    telling.counts(teller, verdict)
    return verdict.holds
