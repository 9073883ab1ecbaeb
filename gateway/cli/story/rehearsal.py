"""A rehearsal: order to cash with one partner, played on loopback by the gateway and a partner made from its profile.

Both run as processes of their own in a folder of the rehearsal. The profiles are those that are written; only the
addresses, keys and certificates of wires are other ones (loopback.py).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import bcrypt

from gateway.access.keys import issue
from gateway.access.scopes import Scope
from gateway.canonical import dump
from gateway.canonical.examples import ANSWERS, FIRST
from gateway.cli.story.loopback import Loopback
from gateway.cli.story.parties import ROOT, Gateway, Simulator, StoryFailed, ended, free_port, get, post
from gateway.partners.book import Book
from gateway.pipeline.telling import KINDS
from gateway.settings import Settings
from gateway.store import keys
from gateway.store.engine import Store

PATIENCE_S = 40.0  # for one step; on a machine with nothing else to do each takes a second or two
TO_CASH = {"order-response": "accept", "shipment": "ship", "invoice": "bill"}  # what follows an order, in this order


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, or did not."""

    what: str
    held: bool
    why: str = ""


@dataclass
class Rehearsal:
    """What was played."""

    partner: str
    lane: str
    wires: tuple[str, ...] = ()  # kinds of connection it was played over
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what was stood in for, what was not played

    @property
    def held(self) -> bool:
        return bool(self.steps) and all(step.held for step in self.steps)

    @property
    def over(self) -> str:
        """What carried it, for a sentence."""
        return f", over {' and '.join(WIRES.get(kind, kind) for kind in self.wires)}" if self.wires else ""

    def lines(self) -> Iterator[str]:
        """Every step and note, for a person."""
        for step in self.steps:
            yield f"  {'ok ' if step.held else 'NOT'}  {step.what}" + (f": {step.why}" if step.why else "")
        yield from (f"       {note}" for note in self.notes)


WIRES = {
    "as2": "AS2",
    "directory": "a folder",
    "ftps": "FTPS",
    "http": "HTTP",
    "sftp": "their SFTP server",
    "sftp-server": "our SFTP server",
}


@dataclass
class Stage:
    """The running parties of a rehearsal."""

    book: Book
    partner: str
    lane: str
    gateway: Gateway
    simulator: Simulator
    key: str
    found: Rehearsal

    def kinds(self, direction: str) -> set[str]:
        mine = [a for a in self.book.agreements.values() if a.partner == self.partner and a.lane == self.lane]
        return {kind for a in mine if a.direction == direction and (kind := self.book.kind(a))}

    def ask(self, path: str, **query: str) -> Any:
        return get(f"{self.gateway.url}{path}" + (f"?{urlencode(query)}" if query else ""), self.key)

    def tell(self, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        said = post(f"{self.gateway.url}{path}", json.dumps(body).encode(), headers)
        if isinstance(said, dict) and "title" in said and "status" in said:
            raise StoryFailed(f"{said['title']}: {said.get('detail', '')}")
        return said

    def step(self, what: str, happened: Callable[[], str | None]) -> bool:
        """Play until `happened` gives "" (it held) or a sentence (it did not); None is not yet."""
        until = time.monotonic() + PATIENCE_S
        why: str | None = None
        try:
            while (why := happened()) is None and time.monotonic() < until:
                time.sleep(0.1)
        except StoryFailed as failed:
            why = str(failed)
        if why is None:
            why = self.waiting() or f"it did not happen in {PATIENCE_S:.0f} s"
        self.found.steps.append(Step(what, not why, why))
        return not why

    def waiting(self) -> str:
        """The reason a person would be told."""
        items = [item for item in self.ask("/v1/exceptions")["items"] if item["code"] != UNEXPECTED]
        return "; ".join(item["title"] for item in items[:3])


def rehearse(files: Mapping[str, str], partner: str, home: Path) -> Rehearsal:
    """Play order to cash with a partner; the files are those of a whole book without faults."""
    with staged(files, partner, home) as stage:
        play(stage)
        return stage.found


def play(stage: Stage) -> None:
    """Everything the agreements of the lane allow, once."""
    played: set[str] = set()
    if "order" in stage.kinds("in"):
        played |= _sell(stage)
    for kind in FIRST:
        if kind in stage.kinds("out"):
            played |= _begin(stage, kind)
    for kind in sorted((stage.kinds("in") | stage.kinds("out")) - played):
        stage.found.notes.append(f"not played: {KINDS.get(kind, kind)}; nothing in this rehearsal brings it about")


def _sell(stage: Stage) -> set[str]:
    """They order; we accept, ship and bill, as far as they want to hear of it."""
    number, took, gave = f"SIM-{secrets.token_hex(3).upper()}", {"order"}, stage.kinds("out")
    said = stage.simulator.tell(send="order", number=number)
    if "error" in said:
        stage.found.steps.append(Step("They send an order", False, said["error"]))
        return took
    found: dict[str, Any] = {}

    def understood() -> str | None:
        items = stage.ask("/v1/orders", order_number=number)["items"]
        found.update(items[0] if items else {})
        return "" if items else _refusal(stage)

    if not stage.step(f"They send order {number}, and we understand it", understood):
        return took
    if _acknowledges(stage, "order"):
        stage.step("They get our acknowledgement, and it accepts", lambda: _acknowledged(stage))
    facts: dict[str, dict[str, Any]] = {
        "order-response": {},
        "shipment": {
            "order": found["id"],
            "number": f"SH{number[4:]}",
            "bill_of_lading": f"BOL{number[4:]}",
            "tracking_number": "1Z0042",
            "scac": "BRLQ",
            "package_count": "2",
            "weight": "41",
            "weight_unit": "pound",
        },
        "invoice": {"order": found["id"], "number": f"IV{number[4:]}"},
    }
    paths = {
        "order-response": f"/v1/orders/{found['id']}/accept",
        "shipment": "/v1/shipments",
        "invoice": "/v1/invoices",
    }
    for kind, verb in TO_CASH.items():
        if kind not in gave:
            continue
        took.add(kind)
        try:
            stage.tell(paths[kind], facts[kind])
        except StoryFailed as failed:
            stage.found.steps.append(Step(f"We {verb} it", False, str(failed)))
            return took
        stage.step(f"We {verb} it: they get the {KINDS[kind]}, and it is good", lambda k=kind: _arrived(stage, k))  # type: ignore[misc]
        if _confirms(stage, kind):
            stage.step(f"They confirm the {KINDS[kind]}", lambda k=kind: _confirmed(stage, k))  # type: ignore[misc]
    return took


def _begin(stage: Stage, kind: str) -> set[str]:
    """We send what begins something; they answer."""
    number, took = f"SIM{secrets.token_hex(3).upper()}", {kind}
    made = json.loads(dump(FIRST[kind](number, dt.datetime.now(dt.UTC))))
    made = {name: value for name, value in made.items() if name not in ("kind", "schema_version")}
    try:
        stage.tell("/v1/documents", {"partner": stage.partner, "kind": kind, "document": made})
    except StoryFailed as failed:
        stage.found.steps.append(Step(f"We send a {KINDS[kind]}", False, str(failed)))
        return took
    if not stage.step(f"We send {KINDS[kind]} {number}: they get it, and it is good", lambda: _arrived(stage, kind)):
        return took
    if _confirms(stage, kind):
        stage.step(f"They confirm the {KINDS[kind]}", lambda: _confirmed(stage, kind))
    for answer in ANSWERS[kind]:
        if answer in stage.kinds("in"):
            took.add(answer)
            stage.step(
                f"They answer with the {KINDS[answer]}, and we understand it",
                lambda a=answer: _came_in(stage, a),  # type: ignore[misc]
            )
    return took


# -- what can be seen -----------------------------------------------------------------------------
def _arrived(stage: Stage, kind: str) -> str | None:
    for one in stage.simulator.holds()["received"]:
        if one["kind"] == kind or (not one["kind"] and one["wrong"]):
            return str(one["wrong"])
    return None


def _came_in(stage: Stage, kind: str) -> str | None:
    items = stage.ask("/v1/documents", direction="in", kind=kind, partner=stage.partner)["items"]
    if any(item["status"] == "done" for item in items):
        return ""
    if any(item["code"] == UNEXPECTED for item in stage.ask("/v1/exceptions")["items"]):
        note = "the advice was set aside as one nobody expects; `gateway demo --story warehouses` goes on"
        stage.found.notes.append(note)
        return ""
    return _refusal(stage)


UNEXPECTED = "advice-unmatched"
"""The rehearsal sends a warehouse order that no customer's order stands behind, so its advice belongs to nothing."""


def _refusal(stage: Stage) -> str | None:
    """Why something they sent stopped; None while it has not."""
    refused = [row["answer"] for row in stage.simulator.holds()["sent"] if str(row["answer"] or "").startswith("4")]
    return refused[0] if refused else stage.waiting() or None


def _acknowledged(stage: Stage) -> str | None:
    told = stage.simulator.holds()["acknowledged"]
    return None if not told else "" if told[0]["verdict"] == "A" else f"it says {told[0]['verdict']}"


def _confirmed(stage: Stage, kind: str) -> str | None:
    items = stage.ask("/v1/documents", direction="out", kind=kind, partner=stage.partner)["items"]
    if any(item["status"] in ("refused", "undelivered") for item in items):
        return stage.waiting() or "they refused it"
    return "" if any(item["status"] == "confirmed" for item in items) else None


def _acknowledges(stage: Stage, kind: str) -> bool:
    return any(
        a.acknowledge.with_ != "none" and a.document.standard == "x12" and stage.book.kind(a) == kind
        for a in stage.book.agreements.values()
        if (a.partner, a.lane, a.direction) == (stage.partner, stage.lane, "in")
    )


def _confirms(stage: Stage, kind: str) -> bool:
    agreement = stage.book.sending(stage.partner, kind, stage.lane)
    return agreement is not None and agreement.confirm is not None and agreement.document.standard == "x12"


# -- the stage ------------------------------------------------------------------------------------
@contextlib.contextmanager
def staged(files: Mapping[str, str], partner: str, home: Path) -> Iterator[Stage]:
    """The gateway and the simulated partner, running; they end with the block."""
    book = Book.from_files(files)
    lanes = [a.lane for a in book.agreements.values() if a.partner == partner]
    lane = "test" if "test" in lanes else "production"
    mine = {a.connection for a in book.agreements.values() if (a.partner, a.lane) == (partner, lane)}
    found = Rehearsal(partner, lane, tuple(sorted({book.connections[name].kind for name in mine})))
    token = secrets.token_hex(16)
    port, sftp, theirs_sftp = free_port(), free_port(), free_port()
    at = Loopback(home, f"http://127.0.0.1:{port}", theirs_sftp)
    at.set_up(files, book, partner, lane)
    found.notes += at.notes
    settings = Settings(home=home, partners=home / "partners", maps=home / "maps", http_bind=f"127.0.0.1:{port}")
    settings.first_run()
    with settings.open_store() as store:
        store.migrate()
        theirs, ours = _keys(store, partner, lane)
    folders = ("--partners", str(home / "partners"), "--maps", str(home / "maps"))
    talk = ("--send-to", f"{at.gateway}/partner/v1/documents", "--send-key", theirs, "--as2", f"{at.gateway}/as2")
    reach = ("--sftp", f"127.0.0.1:{sftp}", "--password", token, "--key", token, "--lane", lane)
    theirs_too = ("--sftp-port", str(theirs_sftp), "--wires", str(at.wires))
    simulator = Simulator.start("partner", home, "--partner", partner, *folders, *talk, *reach, *theirs_too)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")},
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "GATEWAY_HOME": str(home),
        "GATEWAY_PARTNERS": str(home / "partners"),
        "GATEWAY_MAPS": str(home / "maps"),
        "GATEWAY_HTTP_BIND": f"127.0.0.1:{port}",
        "GATEWAY_SFTP_BIND": f"127.0.0.1:{sftp}",
        "REHEARSAL_TOKEN": token,
        "REHEARSAL_HASH": bcrypt.hashpw(token.encode(), bcrypt.gensalt(4)).decode(),
    }
    gateway = Gateway(home, home / "gateway.log", f"http://127.0.0.1:{port}", environment)
    with ended(simulator, gateway):
        simulator.ready()
        gateway.environment |= {"REHEARSAL_URL": f"{simulator.url}/edi", "REHEARSAL_AS2_URL": f"{simulator.url}/as2"}
        gateway.start()
        until = time.monotonic() + PATIENCE_S
        while not gateway.ready():
            if time.monotonic() > until:
                raise StoryFailed(f"the gateway does not answer; its log is {gateway.log}")
            time.sleep(0.1)
        yield Stage(book, partner, lane, gateway, simulator, ours, found)


def _keys(store: Store, partner: str, lane: str) -> tuple[str, str]:
    """A key of theirs and one of ours, in one lane."""
    made = [
        issue("rehearsal-partner", frozenset({Scope.PARTNER_SEND, Scope.PARTNER_READ}), lane, partner),
        issue("rehearsal", frozenset({Scope.INTERNAL_READ, Scope.INTERNAL_WRITE}), lane),
    ]
    with store.begin() as tx:
        keys.add(tx, [one.key for one in made])
    return made[0].token, made[1].token
