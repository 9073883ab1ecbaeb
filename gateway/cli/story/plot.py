"""What happens in the story, in its order: who sends what, what is broken on purpose, and when it is over."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select

from gateway.access.keys import issue
from gateway.access.scopes import Scope
from gateway.cli.story import papers
from gateway.cli.story.parties import (
    STARTER,
    Gateway,
    Simulator,
    free_port,
    hand_out,
    profiles,
    surroundings,
    wait_until,
)
from gateway.settings import Settings
from gateway.store import payloads, schema
from gateway.store.engine import Store

UNDER_WAY = 24  # orders sent just before the worker is killed
OPEN = ("composed", "ready", "wrapped", "awaiting-confirmation", "valid", "staged")

Tell = Callable[[str], None]


@dataclass
class Sent:
    """One file the retailer sent, under its interchange control number."""

    number: int
    what: str
    orders: tuple[papers.PurchaseOrder, ...]
    used: bool = True  # its good orders must come through


@dataclass
class Cast:
    """Everybody in the story, and what was sent."""

    home: Path
    gateway: Gateway
    retailer: Simulator
    retailer_test: Simulator
    erp: Simulator
    crm: Simulator
    store: Store
    internal_key: str
    sent: list[Sent] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)
    answers: list[tuple[str, Any]] = field(default_factory=list)  # what the door said to each file

    @property
    def parties(self) -> tuple[Simulator | Gateway, ...]:
        return self.retailer, self.retailer_test, self.erp, self.crm, self.gateway

    def send(
        self,
        what: str,
        *orders: papers.PurchaseOrder,
        used: bool = True,
        number: int | None = None,
        sender: str = papers.RETAILER,
        test: bool = False,
        folder: bool = False,
    ) -> None:
        """One file of the retailer, on its way by HTTP or folder."""
        number = number or 700_000_001 + len(self.sent)
        text = papers.interchange(
            number, orders, sender=sender, usage="T" if test else "P", now=dt.datetime.now(dt.UTC)
        )
        self.sent.append(Sent(number, what, orders, used))
        if folder:
            inbox = self.home / "var" / "harbor-pine" / "in"
            (inbox / ".rush.tmp").write_text(text, encoding="ascii")
            (inbox / ".rush.tmp").rename(inbox / "rush.edi")
            return
        retailer = self.retailer_test if test else self.retailer
        self.answers.append((what, retailer.tell(send=text, name=f"{number}.edi")))

    def repeat(self, what: str, before: Sent) -> None:
        """The very same bytes once more."""
        text = self.bytes_of(before)
        self.sent.append(Sent(before.number, what, before.orders))
        self.answers.append((what, self.retailer.tell(send=text, name=f"{before.number}-again.edi")))

    def bytes_of(self, before: Sent) -> str:
        """What the gateway stored of a file is what was sent."""
        with self.store.read() as view:
            found = view.first(
                select(schema.interchange.c.transmission_id).where(
                    schema.interchange.c.control_number == f"{before.number:09d}"
                )
            )
            assert found is not None
            row = view.get(schema.transmission, found.transmission_id)
        assert row is not None
        return payloads.read_all(self.store, row.payload_id).decode("ascii")


def enter(home: Path, tell: Tell, **chosen: Any) -> Cast:
    """Start everybody and wait until they listen. `chosen`: settings other than the defaults, by their names."""
    tell("The simulated retailer, ERP and CRM start, each a process that knows nothing but its wires.")
    for folder in ("in", "out", "archive"):
        (home / "var" / "harbor-pine" / folder).mkdir(parents=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(
        home=home,
        partners=profiles(home),
        maps=STARTER / "maps",
        http_bind=f"127.0.0.1:{port}",
        **chosen,
    )
    settings.first_run()
    store = settings.open_store()
    store.migrate()
    live, trial, internal = _keys(store)
    documents = f"{url}/partner/v1/documents"
    talk = ("--send-to", documents, "--send-key")
    collect = ("--collect", str(home / "var" / "harbor-pine" / "out"))
    retailer = Simulator.start("retailer", home, *talk, live, *collect)
    retailer_test = Simulator.start("retailer", home, *talk, trial, "--lane", "test", called="retailer-test")
    erp = Simulator.start("erp", home, "--pace", "0.4")
    crm = Simulator.start("crm", home)
    with contextlib.ExitStack() as on_error:
        for simulator in (retailer, retailer_test, erp, crm):
            on_error.callback(simulator.stop)
        for simulator in (retailer, retailer_test, erp, crm):
            simulator.ready()
        secrets = {
            "HARBOR_PINE_URL": f"{retailer.url}/edi",
            "HARBOR_PINE_TOKEN": "retailer-key",
            "HARBOR_PINE_TEST_URL": f"{retailer_test.url}/edi",
            "HARBOR_PINE_TEST_TOKEN": "retailer-key",
            "NORTHWIND_ERP_URL": erp.url,
            "NORTHWIND_ERP_KEY": "erp-key",
            "NORTHWIND_CRM_URL": crm.url,
            "NORTHWIND_CRM_CLIENT": "gateway",
            "NORTHWIND_CRM_SECRET": "crm-secret",
        }
        tell("The gateway starts: one web and one worker process on SQLite, nothing else to install.")
        gateway = Gateway(home, home / "gateway.log", url, surroundings(settings, chosen, secrets))
        gateway.start()
        on_error.pop_all()  # from here on the caller ends them
    return Cast(home, gateway, retailer, retailer_test, erp, crm, store, internal)


def _keys(store: Store) -> tuple[str, str, str]:
    """A key for the retailer in each lane, and one for our own systems."""
    partner = frozenset({Scope.PARTNER_SEND, Scope.PARTNER_READ})
    made = [
        issue("harbor-pine", partner, "production", "harbor-pine"),
        issue("harbor-pine-test", partner, "test", "harbor-pine"),
        issue("demo", frozenset({Scope.INTERNAL_READ, Scope.INTERNAL_WRITE}), "production"),
    ]
    live, trial, internal = hand_out(store, made)
    return live, trial, internal


def play(cast: Cast, tell: Tell, deadline: float) -> None:
    """The story from its first order to the last answer. Raises StoryFailed when something does not happen in time."""
    wait_until(cast.gateway.ready, deadline, "the gateway answers")
    tell("A purchase order of five lines comes in over HTTP; one more is dropped into a folder.")
    cast.send("an order of five lines", papers.FIRST)
    cast.send("an order, dropped into a folder", papers.RUSH, folder=True)
    tell("Three orders come in one file; the second has lost its first segment.")
    cast.send("three orders in one file, one broken", *papers.THREE)
    tell("An order comes in the test lane; another comes from a sender nobody knows.")
    cast.send("an order in the test lane", papers.TRIAL, test=True, used=False)
    cast.send("an order of an unknown sender", papers.STRANGERS, used=False, sender=papers.STRANGER)
    wait_until(lambda: _in_erp(cast, papers.FIRST), deadline, "the first order is in the ERP")
    tell("The first file comes again, byte for byte; then its number comes again with other content.")
    first = cast.sent[0]
    cast.repeat("the first file again, the same bytes", first)
    cast.send("the first file's number, other content", papers.FIRST_CHANGED, used=False, number=first.number)
    entered = (*papers.THREE[::2], papers.FIRST)
    wait_until(lambda: all(_in_erp(cast, order) for order in entered), deadline, "the good orders are in the ERP")
    tell("The ERP enters an order, and answers 500 after it did.")
    cast.erp.tell(fail_after_commit=1)
    cast.send("an order the ERP enters and answers with 500", papers.AFTER_500)
    wait_until(lambda: _in_erp(cast, papers.AFTER_500), deadline, "the order answered with 500 is in the ERP")
    tell("The ERP is down for three seconds, and an order comes meanwhile.")
    cast.erp.tell(down=3)
    cast.send("an order while the ERP is down", papers.WHILE_DOWN)
    wait_until(lambda: _in_erp(cast, papers.WHILE_DOWN), deadline, "the order that waited is in the ERP")
    tell(f"{UNDER_WAY} orders come, and the worker is killed with SIGKILL while they are under way.")
    burst = papers.many(UNDER_WAY)
    for order in burst:
        cast.send("an order under way when the worker is killed", order)
    wait_until(lambda: _in_erp(cast, burst[2]), deadline, "the first of many orders are in the ERP")
    cast.killed.append(cast.gateway.kill_worker())
    wait_until(lambda: cast.gateway.worker_pids()[-1] != cast.killed[-1], deadline, "the worker is started again")
    tell("The supervisor has started another worker; the work goes on where the dead one stood.")
    wait_until(lambda: all_quiet(cast), deadline, "every order is shipped, billed and acknowledged")


def _in_erp(cast: Cast, order: papers.PurchaseOrder) -> bool:
    try:
        return any(one["customer_po"] == order.number for one in cast.erp.holds()["orders"])
    except OSError:
        return False  # down, as it was told


def good_orders(cast: Cast) -> list[papers.PurchaseOrder]:
    """The orders that must have come through, each once."""
    found = [order for one in cast.sent if one.used for order in one.orders if not order.broken]
    return list(dict.fromkeys(found))


def all_quiet(cast: Cast) -> bool:
    """Nothing is due, nothing waits for an answer, and the retailer has its invoices."""
    d, v = schema.document, schema.delivery
    with cast.store.read() as view:
        invoices = view.scalar(
            select(func.count()).where(d.c.direction == "out", d.c.kind == "invoice", d.c.status == "confirmed")
        )
        if invoices < len(good_orders(cast)):
            return False
        waiting = view.scalar(select(func.count()).where(d.c.status.in_(OPEN)))
        owed = view.scalar(select(func.count()).where(or_(v.c.due_at.is_not(None), v.c.blocked_by.is_not(None))))
    return not waiting and not owed
