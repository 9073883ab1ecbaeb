"""The story of the warehouses: three 3PLs at once, each in its own format over its own wire.

Three orders are released to each: it ships one in full, one in two parts, one short. The ERP, the retailer and the 3PLs
are processes that know nothing but their wires; what they received is judged in their raw logs (warehouse_verdict.py).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bcrypt
from sqlalchemy import func, or_, select

from gateway.access.keys import issue
from gateway.access.scopes import Scope
from gateway.cli.story import papers, telling
from gateway.cli.story.parties import (
    STARTER,
    Gateway,
    Simulator,
    StoryFailed,
    free_port,
    get,
    hand_out,
    post,
    profiles,
    surroundings,
    wait_until,
)
from gateway.cli.story.warehouse_cast import HOWS, INVENTED, MUGS, PASSWORD, THIRD_PARTIES, TRAYS, Cast, each_order
from gateway.cli.story.warehouse_verdict import judge
from gateway.settings import Settings
from gateway.store import schema
from gateway.store.engine import View
from gateway.store.schema import document

Tell = Callable[[str], None]


def enter(home: Path, tell: Tell) -> Cast:
    """Start everybody and wait until they listen."""
    tell("A retailer, an ERP, a CRM and three 3PLs start: X12 over SFTP, JSON over HTTP, CSV over SFTP.")
    web, sftp = free_port(), free_port()
    chosen = {"sftp_bind": f"127.0.0.1:{sftp}"}
    settings = Settings(
        home=home, partners=profiles(home), maps=STARTER / "maps", http_bind=f"127.0.0.1:{web}", **chosen
    )
    settings.first_run()
    store = settings.open_store()
    store.migrate()
    url = f"http://127.0.0.1:{web}"
    partner = frozenset({Scope.PARTNER_SEND, Scope.PARTNER_READ})
    retailer_key, summit_key, internal_key = hand_out(
        store,
        [
            issue("harbor-pine", partner, "production", "harbor-pine"),
            issue("summit", partner, "production", "summit"),
            issue("demo", frozenset({Scope.INTERNAL_READ, Scope.INTERNAL_WRITE}), "production"),
        ],
    )
    doors = ("--send-to", f"{url}/partner/v1/documents", "--send-key")
    with contextlib.ExitStack() as on_error:
        started = {
            "retailer": Simulator.start("retailer", home, *doors, retailer_key),
            "erp": Simulator.start("erp", home, "--pace", "0.2"),
            "crm": Simulator.start("crm", home),
        }
        warehouses = {
            one.partner: Simulator.start(
                "warehouse",
                home,
                *("--speaks", one.speaks, "--code", one.partner, "--gs1-prefix", one.gs1_prefix),
                *("--sftp", f"127.0.0.1:{sftp}", "--password", PASSWORD, *doors, summit_key),
                called=one.partner,
            )
            for one in THIRD_PARTIES
        }
        for simulator in (*started.values(), *warehouses.values()):
            on_error.callback(simulator.stop)
        for simulator in (*started.values(), *warehouses.values()):
            simulator.ready()
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        secrets = {
            "HARBOR_PINE_URL": f"{started['retailer'].url}/edi",
            "HARBOR_PINE_TOKEN": "retailer-key",
            "NORTHWIND_ERP_URL": started["erp"].url,
            "NORTHWIND_ERP_KEY": "erp-key",
            "NORTHWIND_CRM_URL": started["crm"].url,
            "NORTHWIND_CRM_CLIENT": "gateway",
            "NORTHWIND_CRM_SECRET": "crm-secret",
            "BLUE_RIDGE_SFTP_HASH": hashed,
            "MESA_SFTP_HASH": hashed,
            "SUMMIT_URL": f"{warehouses['summit'].url}/orders",
            "SUMMIT_TOKEN": "warehouse-key",
        }
        tell("The gateway starts: one web, one worker and one SFTP process on SQLite.")
        gateway = Gateway(home, home / "gateway.log", url, surroundings(settings, chosen, secrets))
        gateway.start()
        on_error.pop_all()  # from here on the caller ends them
    return Cast(home, gateway, started["retailer"], started["erp"], started["crm"], warehouses, store, internal_key)


def play(cast: Cast, tell: Tell, deadline: float) -> None:
    """From the first order to the last piece shipped. Raises StoryFailed when something does not happen in time."""
    wait_until(cast.gateway.ready, deadline, "the gateway answers")
    tell("Nine orders come in. The ERP accepts each and releases it: three to each 3PL.")
    for one in THIRD_PARTIES:
        for how in HOWS:
            cast.erp.tell(place=one.order(how), site=one.site)
            cast.warehouses[one.partner].tell(ship=one.order(how), how=how)
    for number, one, how in ((n, one, how) for n, (one, how) in enumerate(each_order(), 1)):
        order = papers.PurchaseOrder(one.order(how), ((papers.MUG, MUGS, "12.5"), (papers.TRAY, TRAYS, "7.25")))
        text = papers.interchange(700_000_000 + number, [order], now=dt.datetime.now(dt.UTC))
        cast.retailer.tell(send=text, name=f"{order.number}.edi")
    wait_until(lambda: bool(_shortages(cast)), deadline, "the first order is short")
    killed = cast.gateway.kill_worker()
    tell("The worker is killed with SIGKILL while orders and advices are under way, and started again.")
    wait_until(lambda: cast.gateway.worker_pids()[-1] != killed, deadline, "the worker is started again")
    wait_until(lambda: len(_shortages(cast)) == len(THIRD_PARTIES), deadline, "three orders are short")
    tell("Each 3PL shipped one order in full, one in two parts, and one short: six mugs are asked about, three times.")
    for item in _shortages(cast):
        body = json.dumps({"answer": "backorder"}).encode()
        headers = {"Authorization": f"Bearer {cast.internal_key}", "Content-Type": "application/json"}
        said = post(f"{cast.gateway.url}/v1/exceptions/{item['id']}/answer", body, headers)
        if not said.get("done"):
            raise StoryFailed(f"the answer to {item['id']} was refused: {said}")
        cast.decided.append(f"{item['title']} {said['title']}.")
    tell("A person answers: backorder. The ERP releases the six again, and each 3PL ships them.")
    cast.warehouses["blue-ridge"].tell(invent=INVENTED, like=THIRD_PARTIES[0].order("full"))
    wait_until(lambda: _all_quiet(cast), deadline, "every piece is shipped, announced and booked")
    tell("Blue Ridge also confirmed a shipment for an order we never sent: it waits for a person.")


def _shortages(cast: Cast) -> list[dict[str, Any]]:
    found = get(f"{cast.gateway.url}/v1/exceptions?limit=200", cast.internal_key)
    return [item for item in found["items"] if item["code"] == "shipped-short"]


ADVICES = 5  # of one 3PL: full, two parts, short, and the backorder


def _all_quiet(cast: Cast) -> bool:
    """Every advice is announced to the retailer, billed and confirmed, and nothing is owed to anybody."""
    d, v = schema.document, schema.delivery
    confirmed = select(func.count()).where(d.c.direction == "out", d.c.status == "confirmed")
    with cast.store.read() as view:
        notices, invoices = (view.scalar(confirmed.where(d.c.kind == kind)) for kind in ("shipment", "invoice"))
        strangers = view.scalar(select(func.count()).where(schema.work_item.c.code == "advice-unmatched"))
        owed = view.scalar(select(func.count()).where(or_(v.c.due_at.is_not(None), v.c.blocked_by.is_not(None))))
    return notices == invoices == ADVICES * len(THIRD_PARTIES) and strangers == 1 and not owed


TOLD = {"full": "in full", "part": "in two parts", "short": "six short"}


def _trucks(view: View, order: str) -> Iterator[str]:
    """Each warehouse order of a customer's order, and the trucks that left with it."""
    d = document.c
    source = select(d.id).where(d.business_key == order, d.kind == "order")
    for row in view.all(
        select(document).where(d.answers_document_id.in_(source), d.kind == "warehouse-order").order_by(d.id)
    ):
        left = view.all(select(d.business_key).where(d.answers_document_id == row.id).order_by(d.id))
        yield f"{row.business_key} left with {' and '.join(one.business_key for one in left)}"


# -- how it is told ------------------------------------------------------------------------------
def report(teller: telling.Teller, cast: Cast) -> bool:
    """The ways of the orders, what waits for a person, what was counted; True if all of it held."""
    verdict = judge(cast)
    teller.heading("What became of each order")
    with cast.store.read() as view:
        for one in THIRD_PARTIES:
            teller.line(f"  {one.name}, {one.site.replace('-', ' ').title()}: {one.wire}")
            for how in HOWS:
                teller.line(f"    {one.order(how):<13} {TOLD[how]:<13} {'; '.join(_trucks(view, one.order(how)))}")
    teller.line(
        "  Each truck became a ship notice and an invoice to the customer, a shipment in the ERP and news in the CRM."
    )
    teller.heading("What a person was asked, and said")
    for title in cast.decided:
        teller.line(f"  {title}")
    telling.work_items(teller, cast.store)
    telling.counts(teller, verdict)
    teller.heading("Addresses")
    teller.line(f"  Gateway         {cast.gateway.url}/docs   (key: {cast.internal_key})")
    for simulator in (cast.retailer, cast.erp, cast.crm, *cast.warehouses.values()):
        teller.line(f"  {simulator.name:<15} {simulator.url}/control   arrivals: {simulator.log}")
    return verdict.holds
