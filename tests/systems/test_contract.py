"""One suite for every connector: what no system of ours may ever lose, repeat or get wrong.

Each case is a real connector description against a real server in a process of its own. The far side's log of raw
arrivals is the witness, not what the connector says of itself.
"""

from __future__ import annotations

import collections
import datetime as dt
import itertools
import json
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from counterparties import ROOT, Simulator

from gateway.canonical import Invoice, Order, Shipment
from gateway.flows.answers import compose
from gateway.systems.connector import Command, Done, Operation, Outcome, Rejected, Retry, Unknown, settle
from gateway.systems.declarative import DeclarativeConnector
from gateway.systems.description import load

ORDER: dict[str, Any] = {
    "purpose": "original",
    "order_number": "HP-4471960",
    "currency": "USD",
    "buyer": {"name": "Harbor & Pine"},
    "ship_to": {"name": "Harbor & Pine 14", "address": {"city": "Portland", "region": "OR"}},
    "lines": [
        {
            "line_number": "1",
            "quantity": {"value": "24", "unit": "each"},
            "unit_price": "24.50",
            "identifiers": {"sku": "THROW-WOOL"},
        },
        {
            "line_number": "2",
            "quantity": {"value": "6", "unit": "each"},
            "unit_price": "119.00",
            "identifiers": {"upc": "036000291452"},
        },
    ],
}
NUMBERS = itertools.count(1)
PATIENCE = "timeouts: {connect: 3s, read: 10s, total: 30s}"


@dataclass
class Case:
    """A connector, its counterparty, and a command of each interesting kind."""

    simulator: Simulator
    connector: DeclarativeConnector
    secrets: dict[str, str]
    write: Command  # something that makes a record there
    refuse: Callable[[], Command]  # arranges that their business says no
    keys_there: Callable[[], list[str]]  # the key of every record the far side holds
    code: str  # of that refusal

    def command(self, *, uncertain: bool = False) -> Command:
        """A new thing to do, under a key of its own."""
        return replace(self.write, key=f"D-{os.getpid()}-{next(NUMBERS)}", uncertain=uncertain)

    def records(self, key: str) -> int:
        return self.keys_there().count(key)

    def writes(self, key: str) -> int:
        """How often it arrived, by the far side's own log."""
        return len(self.simulator.arrivals(key, "POST"))


def open_connector(name: str, url: str, secrets: dict[str, str], *, read: str = "60s") -> DeclarativeConnector:
    """With more patience than in service (`read`): what stands still here is the machine, not the system."""
    path = ROOT / "partners" / "northwind" / "systems" / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    assert PATIENCE in text
    text = text.replace(PATIENCE, f"timeouts: {{connect: 60s, read: {read}, total: 120s}}")
    environ = {f"env:NORTHWIND_{name.upper()}_URL": url, **secrets}
    return DeclarativeConnector(load(str(path), text), lambda reference: environ.get(reference, reference))


def erp_case(simulator: Simulator) -> Case:
    secrets = {"env:NORTHWIND_ERP_KEY": "erp-key"}
    connector = open_connector("erp", simulator.url, secrets)
    write = Command(Operation.SUBMIT_ORDER, "", "production", ORDER)

    def refuse() -> Command:
        simulator.control(customer="Blocked Ltd", blocked=True)
        return replace(write, document={**ORDER, "buyer": {"name": "Blocked Ltd"}})

    def keys_there() -> list[str]:
        return [order["external_reference"] for order in simulator.summary()["orders"]]

    return Case(simulator, connector, secrets, write, refuse, keys_there, "customer_blocked")


def crm_case(simulator: Simulator) -> Case:
    secrets = {"env:NORTHWIND_CRM_CLIENT": "gateway", "env:NORTHWIND_CRM_SECRET": "crm-secret"}
    connector = open_connector("crm", simulator.url, secrets)
    write = Command(Operation.UPDATE_ORDER, "", "production", ORDER, {"status": "shipped", "number": "DN-1"})

    def refuse() -> Command:
        simulator.control(account="Closed Ltd", blocked=True)
        return replace(write, document={**ORDER, "order_number": "CL-1", "buyer": {"name": "Closed Ltd"}})

    def keys_there() -> list[str]:
        return [update["external_reference"] for update in simulator.summary()["updates"]]

    return Case(simulator, connector, secrets, write, refuse, keys_there, "account_closed")


@pytest.fixture(params=["erp", "crm"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    made = {"erp": erp_case, "crm": crm_case}[request.param](request.getfixturevalue(request.param))
    yield made
    made.connector.close()


def until_done(case: Case, command: Command) -> tuple[Done, list[Outcome]]:
    """What a worker does: try again as the outcome says, with what it has learnt."""
    before: list[Outcome] = []
    for _ in range(60):
        outcome = settle(case.connector, command)
        if isinstance(outcome, Done):
            return outcome, before
        assert not isinstance(outcome, Rejected), outcome
        before.append(outcome)
        command = replace(command, progress=outcome.progress, uncertain=isinstance(outcome, Unknown))
        time.sleep(min(outcome.after or 0.1, 1.0))
    raise AssertionError(before)


def test_a_command_makes_one_record_and_says_which(case: Case) -> None:
    command = case.command()
    outcome = settle(case.connector, command)
    assert isinstance(outcome, Done), outcome
    assert outcome.ref.id
    assert outcome.ref.system == case.connector.name
    assert case.records(command.key) == 1


def test_the_same_key_twice_is_one_record(case: Case) -> None:
    command = case.command()
    first = settle(case.connector, command)
    again = settle(case.connector, replace(command, uncertain=True))
    assert again == first
    assert case.records(command.key) == 1
    assert case.writes(command.key) == 1


def test_500_after_committing_is_found_and_not_sent_again(case: Case) -> None:
    command = case.command()
    if case.connector.name == "crm":  # its first step may be asked twice: the second is the one that matters
        first = settle(case.connector, case.command())
        assert isinstance(first, Done)
        command = replace(command, progress={"order": {"id": first.ref.id}})
    case.simulator.control(fail_after_commit=1)
    outcome = settle(case.connector, command)
    assert isinstance(outcome, Done), outcome
    assert (case.writes(command.key), case.records(command.key)) == (1, 1)


def test_a_connection_that_breaks_after_committing_is_found_and_not_sent_again(case: Case) -> None:
    command = case.command()
    case.simulator.control(hang_up_after_commit=1)
    done, _ = until_done(case, command)
    assert done.ref.id
    assert (case.writes(command.key), case.records(command.key)) == (1, 1)


def test_no_answer_in_time_is_unknown_and_then_found(case: Case) -> None:
    command = case.command()
    assert isinstance(settle(case.connector, case.command()), Done)  # signed on, so that the slow answer is the write's
    impatient = open_connector(case.connector.name, case.simulator.url, case.secrets, read="1s")
    while not isinstance(settle(impatient, case.command()), Done):
        pass  # until it has signed on too
    case.simulator.control(slow=1.6, times=1)
    assert isinstance(settle(impatient, command), (Done, Unknown))  # Done: it was found at once
    impatient.close()
    done, _ = until_done(case, replace(command, uncertain=True))
    assert done.ref.id
    assert (case.writes(command.key), case.records(command.key)) == (1, 1)


def send_and_die(name: str, url: str, secrets: dict[str, str], command: Command) -> None:
    settle(open_connector(name, url, secrets), command)


@pytest.mark.faults
def test_killed_after_sending_it_is_found_and_not_sent_again(case: Case) -> None:
    command = case.command()
    assert isinstance(settle(case.connector, case.command()), Done)
    arguments = (case.connector.name, case.simulator.url, case.secrets, command)
    sender = multiprocessing.get_context("spawn").Process(target=send_and_die, args=arguments)
    case.simulator.control(slow=0.9, times=3)
    sender.start()
    deadline = time.monotonic() + 60
    while not case.writes(command.key):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert sender.pid is not None
    os.kill(sender.pid, signal.SIGKILL)  # the request is there, the answer is not
    sender.join()
    case.simulator.control(slow=0, times=0)
    time.sleep(0.3)
    done, _ = until_done(case, replace(command, uncertain=True))
    assert done.ref.id
    assert (case.writes(command.key), case.records(command.key)) == (1, 1)


def test_while_it_cannot_be_looked_up_nothing_is_sent(case: Case) -> None:
    command = case.command(uncertain=True)
    assert isinstance(settle(case.connector, case.command()), Done)
    case.simulator.control(down=300, how="503")
    assert isinstance(settle(case.connector, command), Unknown)  # not Retry: the next try must look again
    assert case.writes(command.key) == 0
    case.simulator.control(down=0, how="503")
    done, _ = until_done(case, command)
    assert done.ref.id
    assert case.records(command.key) == 1


def test_a_system_that_is_down_is_tried_again(case: Case) -> None:
    command = case.command()
    case.simulator.stop()
    assert isinstance(settle(case.connector, command), Retry)
    case.simulator.start_again()
    done, before = until_done(case, command)
    assert done.ref.id
    assert all(isinstance(outcome, Retry) for outcome in before)
    assert case.records(command.key) == 1


def test_429_waits_as_long_as_it_is_told_and_then_succeeds(case: Case) -> None:
    command = case.command()
    assert isinstance(settle(case.connector, case.command()), Done)
    case.simulator.control(throttle=1, retry_after=7)
    outcome = settle(case.connector, command)
    assert isinstance(outcome, Retry)
    assert outcome.after == 7
    assert isinstance(settle(case.connector, command), Done)
    assert case.records(command.key) == 1


def test_a_rejection_carries_their_words_and_is_never_repeated(case: Case) -> None:
    command = replace(case.refuse(), key=case.command().key)
    before = len(case.simulator.log.read_text(encoding="utf-8").splitlines())
    outcome = settle(case.connector, command)
    assert isinstance(outcome, Rejected)
    assert outcome.code == case.code
    assert outcome.message
    assert outcome.field
    sent = case.simulator.log.read_text(encoding="utf-8").splitlines()[before:]
    assert len([line for line in sent if '"/oauth/token"' not in line]) == 1
    assert case.records(command.key) == 0


def test_the_other_lane_is_refused_before_anything_is_sent(case: Case) -> None:
    command = replace(case.command(), lane="test")
    outcome = settle(case.connector, command)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "lane"
    assert not case.simulator.arrivals(command.key)


def test_an_operation_it_does_not_have_is_a_rejection(case: Case) -> None:
    missing = next(iter(set(Operation) - case.connector.supports))
    assert isinstance(settle(case.connector, replace(case.command(), operation=missing)), Rejected)


def test_what_the_document_lacks_is_named(case: Case) -> None:
    outcome = settle(case.connector, replace(case.command(), document={"lines": []}))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "incomplete"
    assert outcome.field is not None
    assert outcome.field.startswith("document.")


def test_the_limiter_is_asked_before_every_request(case: Case) -> None:
    environ = {**case.secrets, f"env:NORTHWIND_{case.connector.name.upper()}_URL": case.simulator.url}
    limited = DeclarativeConnector(case.connector.system, environ.__getitem__, admit=lambda: 2.5)
    command = case.command()
    outcome = settle(limited, command)
    assert isinstance(outcome, Retry)
    assert outcome.after == 2.5
    assert not case.simulator.arrivals(command.key)
    limited.close()


def test_a_token_that_was_refused_is_renewed_once(crm: Simulator) -> None:
    case = crm_case(crm)
    assert isinstance(settle(case.connector, case.command()), Done)
    crm.control(expire_tokens=True)
    command = case.command()
    assert isinstance(settle(case.connector, command), Done)
    assert case.records(command.key) == 1
    case.connector.close()


def test_a_key_that_was_rotated_is_looked_up_again(erp: Simulator) -> None:
    case = erp_case(erp)
    shown = iter(["old", "old", "erp-key", "erp-key", "erp-key"])
    environ = {"env:NORTHWIND_ERP_URL": erp.url}
    rotating = DeclarativeConnector(case.connector.system, lambda reference: environ.get(reference) or next(shown))
    command = case.command()
    first = settle(rotating, command)
    outcome = first if isinstance(first, Done) else settle(rotating, command)
    assert isinstance(outcome, Done), outcome
    assert case.records(command.key) == 1
    rotating.close()


def test_a_refused_key_is_ours_to_mend_and_not_the_orders_fault(erp: Simulator) -> None:
    case = erp_case(erp)
    wrong = open_connector("erp", erp.url, {"env:NORTHWIND_ERP_KEY": "wrong"})
    outcome = settle(wrong, case.command())
    assert isinstance(outcome, Retry)
    assert outcome.after == 300
    wrong.close()
    case.connector.close()


def test_steps_that_are_certain_are_not_repeated(crm: Simulator) -> None:
    case = crm_case(crm)
    number = f"PO-{next(NUMBERS)}"
    command = replace(case.command(), document={**ORDER, "order_number": number})
    assert isinstance(settle(case.connector, case.command()), Done)
    first = case.connector.apply(replace(command, data={}))  # without a status the second step cannot be made
    assert isinstance(first, Rejected)
    assert set(first.progress) == {"order"}
    done, _ = until_done(case, replace(command, progress=first.progress))
    assert done.data["update"]
    lines = [json.loads(line) for line in crm.log.read_text(encoding="utf-8").splitlines()]
    assert [line["method"] for line in lines if line["path"].startswith(f"/api/orders/{number}")] == ["PUT", "POST"]
    case.connector.close()


def test_every_step_whose_answer_is_lost_is_made_certain_in_the_end(crm: Simulator) -> None:
    case = crm_case(crm)
    command = replace(case.command(), document={**ORDER, "order_number": f"PO-{next(NUMBERS)}"})
    assert isinstance(settle(case.connector, case.command()), Done)
    crm.control(hang_up_after_commit=2)  # the PUT's answer is lost, then the next one's
    done, before = until_done(case, command)
    assert done.data["update"]
    assert before
    assert case.records(command.key) == 1
    case.connector.close()


WEATHER: list[dict[str, int]] = [
    {"fail_after_commit": 1},
    {"hang_up_after_commit": 1},
    {"throttle": 1, "retry_after": 0},
]


@pytest.mark.faults
def test_in_a_storm_every_command_makes_exactly_one_record(case: Case) -> None:
    dice = random.Random(7)
    calm = threading.Event()
    keys: list[str] = []

    def work() -> None:
        while not calm.is_set():
            command = case.command()
            keys.append(command.key)
            until_done(case, command)

    def lookups() -> int:
        return case.simulator.log.read_text(encoding="utf-8").count('"GET"')

    deadline = time.monotonic() + 120
    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work) for _ in range(4)]
        try:
            while lookups() <= 20 and time.monotonic() < deadline:  # until it was bad enough to leave many in doubt
                case.simulator.control(**dice.choice(WEATHER))
                time.sleep(0.02)
        finally:
            calm.set()
        for fault in WEATHER:
            case.simulator.control(**dict.fromkeys(fault, 0))
        for worker in workers:
            worker.result()
    there = collections.Counter(case.keys_there())
    assert {key: there[key] for key in keys} == dict.fromkeys(keys, 1)
    assert lookups() > 20


def submit(case: Case, **changes: Any) -> str:
    outcome = settle(case.connector, replace(case.command(), document={**ORDER, **changes}))
    assert isinstance(outcome, Done), outcome
    return outcome.ref.id


def advance(simulator: Simulator, number: str, times: int) -> None:
    for _ in range(times):
        simulator.control(advance=number)


def feed(case: Case, cursor: str | None = None) -> Iterator[Any]:
    while True:
        page = case.connector.changes(cursor)
        assert not isinstance(page, Retry), page
        yield from page.changes
        cursor = page.cursor
        if not page.more:
            return


def test_short_and_partial_shipments_are_told_by_line(erp: Simulator) -> None:
    case = erp_case(erp)
    short, later = f"SHORT-{next(NUMBERS)}", f"LATER-{next(NUMBERS)}"
    erp.control(item=short, stock=18, short="close")
    erp.control(item=later, stock=2)
    lines = [
        {"line_number": "1", "quantity": {"value": "24"}, "identifiers": {"sku": short}, "unit_price": "2.50"},
        {"line_number": "2", "quantity": {"value": "6"}, "identifiers": {"sku": later}, "unit_price": "10"},
        {"line_number": "3", "quantity": {"value": "5"}, "identifiers": {"sku": "ANY"}, "unit_price": "1"},
    ]
    number = submit(case, lines=lines)
    advance(erp, number, 3)
    mine = [change for change in feed(case) if change.ids["erp"] == number]
    assert [change.event for change in mine] == [
        "order.accepted",
        "order.released",
        "shipment.confirmed",
        "invoice.issued",
    ]
    assert mine[2].data["lines"] == {"1": "18", "2": "2", "3": "5"}
    assert mine[2].data["complete"] is False
    assert mine[3].data["total"] == "70.00"
    assert mine[2].keys["order"] == "HP-4471960"
    erp.control(item=later, stock=100)
    advance(erp, number, 2)
    rest = [change for change in feed(case) if change.ids["erp"] == number][4:]
    assert [(change.event, change.data["lines"]) for change in rest] == [
        ("shipment.confirmed", {"2": "4"}),
        ("invoice.issued", {"2": "4"}),
    ]
    case.connector.close()


def test_what_the_feed_tells_is_enough_for_the_answers_to_the_partner(erp: Simulator) -> None:
    case = erp_case(erp)
    scarce = f"SCARCE-{next(NUMBERS)}"
    erp.control(item=scarce, stock=18, short="close")
    first = {**ORDER["lines"][0], "identifiers": {"sku": scarce}}
    order = {**ORDER, "lines": [first, ORDER["lines"][1]]}
    number = submit(case, **order)
    advance(erp, number, 4)
    facts = {change.event: change.data for change in feed(case) if change.ids["erp"] == number}
    canonical, now = Order.model_validate(order), dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)
    shipment = compose("shipment", canonical, facts["shipment.confirmed"], now)
    assert isinstance(shipment, Shipment)
    assert shipment.tracking_number
    assert [str(item.quantity.value) for item in shipment.orders[0].items if item.quantity] == ["18", "6"]
    invoice = compose("invoice", canonical, facts["invoice.issued"], now)
    assert isinstance(invoice, Invoice)
    assert invoice.total == Decimal("1155.00")  # 18 at 24.50 and 6 at 119.00
    case.connector.close()


def test_an_order_rejected_later_is_told_by_the_feed(erp: Simulator) -> None:
    case = erp_case(erp)
    gone = f"GONE-{next(NUMBERS)}"
    erp.control(item=gone, discontinued=True)
    number = submit(case, lines=[{"quantity": {"value": "1"}, "identifiers": {"sku": gone}}])
    advance(erp, number, 1)
    (change,) = [change for change in feed(case) if change.ids["erp"] == number]
    assert change.event == "order.rejected"
    assert change.data["reason"] == "an item is no longer sold"
    case.connector.close()


def test_reading_on_from_any_cursor_loses_and_repeats_nothing(erp: Simulator) -> None:
    case = erp_case(erp)
    for _ in range(3):
        advance(erp, submit(case), 4)
    whole = [change.id for change in feed(case)]
    assert len(whole) == len(set(whole))
    text = (
        (ROOT / "partners/northwind/systems/erp.yaml").read_text(encoding="utf-8").replace('limit: "200"', 'limit: "2"')
    )
    environ = {"env:NORTHWIND_ERP_URL": erp.url, **case.secrets}
    read: list[str] = []
    cursor: str | None = None
    while True:  # a new connector for every page: nothing but the cursor is carried over
        connector = DeclarativeConnector(load("erp.yaml", text), environ.__getitem__)
        page = connector.changes(cursor)
        connector.close()
        assert not isinstance(page, Retry)
        read += [change.id for change in page.changes]
        cursor = page.cursor
        if not page.more:
            break
    assert read == whole
    case.connector.close()


def test_a_change_nobody_described_is_a_stranger_and_not_lost(erp: Simulator) -> None:
    case = erp_case(erp)
    number = submit(case)
    advance(erp, number, 1)
    text = (ROOT / "partners/northwind/systems/erp.yaml").read_text(encoding="utf-8")
    text = text.replace("{/type: order.accepted}", "{/type: order.blessed}")
    environ = {"env:NORTHWIND_ERP_URL": erp.url, **case.secrets}
    connector = DeclarativeConnector(load("erp.yaml", text), environ.__getitem__)
    page = connector.changes(None)
    assert not isinstance(page, Retry)
    assert number in [stranger.raw["order"]["number"] for stranger in page.strangers]
    connector.close()
    case.connector.close()


def test_every_other_operation_of_the_erp(erp: Simulator) -> None:
    case = erp_case(erp)
    number = submit(case)
    refs = {"erp": number}
    invoice = {"invoice_number": "I-1", "invoice_date": "2026-11-19", "total": "588.00"}
    for operation, document, data in (
        (Operation.CHANGE_ORDER, {**ORDER, "requested_ship": {"date": "2026-12-01"}}, {}),
        (Operation.POST_SHIPMENT, {"shipment_number": "S-1"}, {"lines": {"1": "24"}}),
        (Operation.POST_INVOICE, invoice, {}),
        (Operation.ADJUST_INVENTORY, {}, {"site": "DC1", "sku": "THROW-WOOL", "difference": "-3"}),
        (Operation.OPEN_RETURN, {}, {"reason": "damaged"}),
        (Operation.CANCEL_ORDER, {}, {}),
    ):
        command = replace(case.command(), operation=operation, document=document, data=data, refs=refs)
        first = settle(case.connector, command)
        assert isinstance(first, Done), (operation, first)
        assert settle(case.connector, replace(command, uncertain=True)) == first
    made = [record for record in erp.summary()["records"] if record.get("order") in (number, None)]
    assert sorted(record["kind"] for record in made if record["kind"] != "adjustments") == [
        "changes",
        "invoices",
        "returns",
        "shipments",
    ]
    case.connector.close()


def test_a_change_that_comes_too_late_is_a_rejection(erp: Simulator) -> None:
    case = erp_case(erp)
    number = submit(case)
    advance(erp, number, 3)
    command = replace(case.command(), operation=Operation.CHANGE_ORDER, refs={"erp": number})
    outcome = settle(case.connector, command)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "too_late"
    case.connector.close()


def test_a_case_is_opened_once(crm: Simulator) -> None:
    case = crm_case(crm)
    command = replace(case.command(), operation=Operation.OPEN_CASE, data={"subject": "6 of 24 throws are missing"})
    crm.control(fail_after_commit=1)
    done, _ = until_done(case, command)
    assert done.ref.id.startswith("case-")
    (made,) = [entry for entry in crm.summary()["cases"] if entry["external_reference"] == command.key]
    assert made["priority"] == "normal"
    assert made["about"] == "HP-4471960"
    case.connector.close()


def test_the_simulators_forget_nothing_when_they_are_killed(tmp_path: Path) -> None:
    simulator = Simulator("erp", tmp_path, "--pace", "0")
    case = erp_case(simulator)
    number = submit(case)
    simulator.restart()
    assert [order["number"] for order in simulator.summary()["orders"]] == [number]
    case.connector.close()
    simulator.stop()
