"""Any partner, simulated from its own profile: it speaks the documents of its agreements over the wires of one lane.

It reads and writes with the maps of the profile, as the other side: what we receive it sends. It acknowledges what it
takes, answers orders, warehouse orders and load tenders by itself, and keeps what reached it with what is wrong in it.
X12 envelopes are read and written by lines of its own (x12.py).

Wires: http, as2, directory, sftp-server, sftp and ftps (wires.py).

Orders of /control beside the faults:

    {"send": "order", "number": "SIM-1"}             an example of this kind
    {"send": "order", "document": {...}}             this one, in our language
    {"answer": false}                                acknowledge and answer nothing from now on
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paramiko

from gateway.canonical import DOCUMENTS, Document
from gateway.canonical.examples import ANSWERS, FIRST
from gateway.channels.as2_settings import As2Settings
from gateway.formats import words
from gateway.formats.finding import Severity
from gateway.mapping import Map, MapError
from gateway.mapping.judge import enclosed
from gateway.partners.agreement import Agreement
from gateway.partners.book import Book
from gateway.simulators.counterparty import Counterparty, Request, Response, options, run
from gateway.simulators.sftp_folder import serve
from gateway.simulators.wires import Folders, Letters, Login, Parcel, Post, Wire
from gateway.simulators.x12 import Group, acknowledgement, interchange, read_groups

PAUSE = 0.2  # seconds between looks at folders and at what is still to be sent
MEDIA = {"x12": "application/edi-x12", "csv": "text/csv", "json": "application/json", "xml": "application/xml"}
SCHEMA = """
CREATE TABLE IF NOT EXISTS received (
    id INTEGER PRIMARY KEY, agreement TEXT, kind TEXT, number TEXT, wrong TEXT, document TEXT);
CREATE TABLE IF NOT EXISTS outgoing (
    id INTEGER PRIMARY KEY, connection TEXT, name TEXT, body BLOB, media TEXT, kind TEXT, number TEXT, answer TEXT);
CREATE TABLE IF NOT EXISTS acknowledged (id INTEGER PRIMARY KEY, group_control TEXT, verdict TEXT);
CREATE TABLE IF NOT EXISTS counter (kind TEXT PRIMARY KEY, value INTEGER);
"""


class Partner(Counterparty):
    """The other side of every agreement of one partner in one lane."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        super().__init__(arguments)
        self.book = Book.load(Path(arguments.partners), Path(arguments.maps))
        self.partner: str = arguments.partner
        self.served: dict[str, Path] = {}  # login on our SFTP server -> its folder
        self.answering = True
        mine = [a for a in self.book.agreements.values() if a.partner == self.partner and a.lane == self.lane]
        self.sends = [a for a in mine if a.direction == "in"]
        self.takes = [a for a in mine if a.direction == "out"]
        self.wires = {name: self._wire(name, arguments) for name in dict.fromkeys(a.connection for a in mine)}
        self.db.executescript(SCHEMA)

    def _wire(self, name: str, arguments: argparse.Namespace) -> Wire:
        said = self.book.connections[name]
        inbox, outbox, user = (str(said.settings.get(key) or "") for key in ("inbox", "outbox", "user"))
        match said.kind:
            case "http":
                return Post(arguments.send_to, arguments.send_key)
            case "as2":
                pem = Path(arguments.wires, name, "theirs.pem").read_bytes()
                return Letters(As2Settings.model_validate(said.settings), arguments.as2, pem)
            case "sftp-server":
                return Login(arguments.sftp, user, arguments.password, inbox or "/inbox", outbox or "/outbox")
            case "sftp" | "ftps" as kind:
                root = Path(arguments.wires, name)
                inbox, outbox = (str(root / folder.lstrip("/")) if folder else "" for folder in (inbox, outbox))
                for folder in filter(None, (inbox, outbox)):
                    Path(folder).mkdir(parents=True, exist_ok=True)
                if kind == "sftp":
                    self.served[user] = root
                else:
                    self._serve_ftps(said.settings, root, (user, arguments.password))
        return Folders(Path(inbox) if inbox else None, Path(outbox) if outbox else None)

    @staticmethod
    def _serve_ftps(settings: Mapping[str, Any], root: Path, login: tuple[str, str]) -> None:
        from gateway.simulators import ftps_folder  # it needs what the product does not

        pem, implicit = root.with_name(f"{root.name}.pem"), settings["tls"] == "implicit"
        ftps_folder.serve(int(settings["port"]), pem, root, login, implicit=implicit)

    # -- what reaches us ---------------------------------------------------
    def answer(self, request: Request) -> Response:
        if (request.method, request.path) == ("POST", "/as2"):
            return self._letter(request)
        self.authorise(request)
        if request.method != "POST" or request.path != "/edi":
            return Response(404, {"error": {"code": "unknown", "message": f"no {request.path} here"}})
        connection = next((name for name, wire in self.wires.items() if isinstance(wire, Post)), "")
        self._take(connection, request.body)
        return Response(200, {"received": True})

    def _letter(self, request: Request) -> Response:
        for name, wire in self.wires.items():
            if isinstance(wire, Letters):
                got, documents = wire.take(request.headers.items(), request.body)
                for one in documents:
                    self._take(name, one.body)
                if got.failure is not None:
                    self._keep(None, None, f"their AS2 message does not open: {got.failure}")
                headers = {key: value for key, value in got.mdn_headers if key.lower() != "content-length"}
                return Response(got.status, None, headers, got.mdn_body)
        return Response(404, {"error": {"code": "unknown", "message": "we speak no AS2"}})

    def _take(self, connection: str, body: bytes) -> None:
        groups = list(read_groups(body.decode("latin-1")))
        for group in groups:
            if group.header[1] == "FA":
                for rows in group.sets:
                    about, verdict = (next((r for r in rows if r[0] == tag), ["", "", ""]) for tag in ("AK1", "AK9"))
                    said = (about[2] if len(about) > 2 else "", verdict[1])
                    self.db.execute("INSERT INTO acknowledged (group_control, verdict) VALUES (?, ?)", said)
                continue
            for rows in group.sets:
                self._x12(rows)
            if self.answering:
                self._acknowledge(connection, group)
        if not groups:
            self._file(connection, body)

    def _x12(self, rows: list[list[str]]) -> None:
        agreement = next((a for a in self.takes if a.document.set_id == rows[0][1]), None)
        if agreement is None or agreement.map is None:
            return self._keep(None, None, f"we agreed on no {rows[0][1]}")
        chart = self.book.chart(agreement)
        assert chart.guide is not None
        checked = chart.guide.check(rows)
        bad = [f for f in checked.findings if f.severity is not Severity.WARNING]
        wrong = "; ".join(f"{words.place(f)}: {words.message_and_remedy(f)[0]}" for f in bad)
        try:
            made = chart.read(rows, checked.positions)
        except MapError as error:
            return self._keep(agreement, None, str(error))
        return self._keep(agreement, made, wrong)

    def _file(self, connection: str, body: bytes) -> None:
        wrong = ""
        for agreement in (a for a in self.takes if a.connection == connection and a.document.standard != "x12"):
            chart = self.book.file_chart(agreement)
            try:
                documents = [chart.read_part(part) for part in chart.parts([body])]
            except MapError as error:
                wrong = str(error)
                continue
            for made in documents:
                self._keep(agreement, made, "")
            return
        self._keep(None, None, wrong or "it is none of the documents we agreed on")

    def _keep(self, agreement: Agreement | None, made: Document | None, wrong: str) -> None:
        name, kind = (agreement.name if agreement else ""), (made.kind if made else "")
        number, text = (made.key() if made else ""), (made.model_dump_json(exclude_none=True) if made else "")
        self.db.execute(
            "INSERT INTO received (agreement, kind, number, wrong, document) VALUES (?, ?, ?, ?, ?)",
            (name, kind, number, wrong, text),
        )
        if made is not None and self.answering and not wrong:
            for answer_kind, make in ANSWERS.get(made.kind, {}).items():
                if any(self.book.kind(a) == answer_kind for a in self.sends):
                    try:
                        self._owe_document(make(made, f"{self._number('answer'):06d}", dt.datetime.now(dt.UTC)))
                    except ValueError as error:
                        self._keep(None, None, str(error))

    def _acknowledge(self, connection: str, group: Group) -> None:
        number = self._number("interchange")
        us, them = self._ids(self.takes[0])
        body = interchange(us, them, self.lane, number, "FA", "997", acknowledgement(group))
        self._owe(connection, f"997-{number}.edi", body, "x12", "acknowledgement", group.header[6])

    # -- what we send ------------------------------------------------------
    def command(self, order: dict[str, Any]) -> Any:
        if "answer" in order:
            self.answering = bool(order["answer"])
            return {"ok": True}
        kind = str(order["send"])
        number = str(order.get("number") or f"SIM-{secrets.token_hex(3).upper()}")
        made = (
            DOCUMENTS[kind].model_validate(order["document"])
            if "document" in order
            else FIRST[kind](number, dt.datetime.now(dt.UTC))
        )
        with self.transaction():
            self._owe_document(made)
        return {"sent": made.kind, "number": made.key()}

    def _owe_document(self, made: Document) -> None:
        agreement = next((a for a in self.sends if self.book.kind(a) == made.kind), None)
        if agreement is None:
            raise ValueError(f"{self.partner} sends no {made.kind} in the {self.lane} lane")
        number = self._number("interchange")
        try:
            if agreement.document.standard == "x12":
                chart = self.book.chart(agreement)
                rows = self._checked(chart, chart.write(made))
                us, them = self._ids(agreement)
                set_id = agreement.document.set_id
                body = interchange(us, them, self.lane, number, agreement.functional_id, set_id, rows)
            else:
                body = self.book.file_chart(agreement).write_text(made)
        except MapError as error:
            raise ValueError(f"the map of {agreement.name} cannot write the {made.kind}: {error}") from None
        standard = agreement.document.standard
        name = (agreement.files or "*").replace("*", f"{number:06d}")
        name += "" if "." in name else f".{'edi' if standard == 'x12' else standard}"
        self._owe(agreement.connection, name, body, standard, made.kind, made.key())

    def _checked(self, chart: Map, rows: list[list[str]]) -> list[list[str]]:
        assert chart.guide is not None
        for finding in chart.guide.check(enclosed(chart, rows)).findings:
            if finding.severity is not Severity.WARNING:
                said = f"{words.place(finding)}: {words.message_and_remedy(finding)[0]}"
                raise ValueError(f"map {chart.name} writes what its guide refuses: {said}")
        return rows

    def _ids(self, agreement: Agreement) -> tuple[tuple[str, str], tuple[str, str]]:
        ours, theirs = self.book.ids(agreement)
        return (theirs.qualifier, theirs.id), (ours.qualifier, ours.id)

    def _owe(self, connection: str, name: str, body: bytes, standard: str, kind: str, number: str) -> None:
        self.db.execute(
            "INSERT INTO outgoing (connection, name, body, media, kind, number) VALUES (?, ?, ?, ?, ?, ?)",
            (connection, name, body, MEDIA.get(standard, "application/octet-stream"), kind, number),
        )

    # -- wires -------------------------------------------------------------
    def live(self) -> None:
        """Send what we owe, fetch what lies for us; what cannot be done now is done with the next look."""
        while True:
            time.sleep(PAUSE)
            for name, wire in self.wires.items():
                with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                    self._look(name, wire)

    def _look(self, name: str, wire: Wire) -> None:
        with self.lock:
            owed = self.db.execute(
                "SELECT id, name, body, media FROM outgoing WHERE answer IS NULL AND connection = ? ORDER BY id",
                (name,),
            ).fetchall()
        try:
            for parcel, answer in wire.look([Parcel(*row) for row in owed]):
                self._done(parcel, answer)
        finally:
            while wire.arrived:
                one = wire.arrived.pop(0)
                self.witness({"file": one.name, "body": one.body.decode("utf-8", "backslashreplace")})
                with self.transaction():
                    self._take(name, one.body)

    def _done(self, parcel: Parcel, answer: str) -> None:
        with self.transaction():
            self.db.execute("UPDATE outgoing SET answer = ? WHERE id = ?", (answer, parcel.number))

    def _number(self, kind: str) -> int:
        self.db.execute("INSERT INTO counter VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET value = value + 1", (kind,))
        return int(self.db.execute("SELECT value FROM counter WHERE kind = ?", (kind,)).fetchone()["value"])

    def summary(self) -> Any:
        with self.lock:
            received = [dict(row) for row in self.db.execute("SELECT * FROM received ORDER BY id")]
            sent = self.db.execute("SELECT id, connection, name, kind, number, answer FROM outgoing ORDER BY id")
            told = [dict(row) for row in self.db.execute("SELECT group_control, verdict FROM acknowledged")]
            return {"received": received, "sent": [dict(row) for row in sent], "acknowledged": told}


def main() -> None:
    parser = options("partner")
    parser.description = __doc__
    parser.add_argument("--partner", required=True, help="its folder under partners/")
    parser.add_argument("--partners", default="partners", help="the folder of profiles")
    parser.add_argument("--maps", default="maps", help="the folder of maps")
    parser.add_argument("--send-to", default="", help="address of the gateway's partner API that takes documents")
    parser.add_argument("--send-key", default="", help="our key there")
    parser.add_argument("--as2", default="", help="address of the gateway's AS2 endpoint")
    parser.add_argument("--sftp", default="", help="HOST:PORT of the gateway's SFTP server")
    parser.add_argument("--password", default="", help="our password there, and theirs on our SFTP server")
    parser.add_argument("--sftp-port", type=int, default=0, help="where our own SFTP server listens")
    parser.add_argument(
        "--wires", default="", help="folder of our keys: CONNECTION/theirs.pem for AS2, host_key for SFTP"
    )
    arguments = parser.parse_args()
    party = Partner(arguments)
    if party.served:
        serve(arguments.sftp_port, Path(arguments.wires, "host_key"), party.served, arguments.password)
    threading.Thread(target=party.live, daemon=True).start()
    run(party, "partner", arguments.port)


if __name__ == "__main__":
    main()
