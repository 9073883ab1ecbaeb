"""A simulated 3PL: takes warehouse orders, ships them in full, in part or short, and says so. It speaks one dialect:

    --speaks x12    X12 940 in, 945 out, a 997 for each 940, over the gateway's SFTP server
    --speaks csv    CSV both ways, over the gateway's SFTP server
    --speaks json   JSON both ways: orders are posted to POST /orders, advices are posted to the gateway's partner API

Every file it fetches and every order posted to it stands in its log as it came. What it does with an order follows from
the customer's order number (`/control`), shipping in full where nothing was said:

    {"ship": "HP-3001", "how": "full"}     everything, at once
    {"ship": "HP-3002", "how": "part"}     half of the first line, announced as a part; the rest with a second advice
    {"ship": "HP-3003", "how": "short"}    a quarter of the first line is out of stock and does not follow
    {"invent": "WO-99", "like": "HP-3001"} an advice for an order that nobody sent
"""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import paramiko

from gateway.simulators.counterparty import Counterparty, NotAllowed, Request, Response, options, run
from gateway.simulators.dialects import (
    Advice,
    Line,
    Order,
    from_940,
    from_csv,
    from_json,
    to_945,
    to_csv,
    to_json,
)
from gateway.simulators.x12 import acknowledgement, interchange, read_groups

PAUSE = 0.3  # seconds between looks at the gateway's folder and at what is still to be sent
SCHEMA = """
CREATE TABLE IF NOT EXISTS warehouse_order (number TEXT PRIMARY KEY, customer_order TEXT, state TEXT, lines TEXT);
CREATE TABLE IF NOT EXISTS outgoing (id INTEGER PRIMARY KEY, name TEXT, body BLOB, media_type TEXT, sent INTEGER);
CREATE TABLE IF NOT EXISTS advice (number TEXT PRIMARY KEY, warehouse_order TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS plan (customer_order TEXT PRIMARY KEY, how TEXT);
CREATE TABLE IF NOT EXISTS counter (kind TEXT PRIMARY KEY, value INTEGER);
"""


class Warehouse(Counterparty):
    """Picks, packs, ships, reports."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        super().__init__(arguments)
        self.speaks: str = arguments.speaks
        self.us: tuple[str, str] = tuple(arguments.us.split(":", 1))
        self.them: tuple[str, str] = tuple(arguments.them.split(":", 1))
        self.send_to: str = arguments.send_to
        self.send_key: str = arguments.send_key
        self.sftp: str = arguments.sftp
        self.password: str = arguments.password
        self.code: str = arguments.code
        self.prefix: str = arguments.gs1_prefix
        self.db.executescript(SCHEMA)

    def answer(self, request: Request) -> Response:
        """The JSON dialect's door."""
        self.authorise(request)
        if (request.method, request.path) != ("POST", "/orders"):
            raise NotAllowed(Response(404, {"error": {"code": "unknown", "message": f"no {request.path} here"}}))
        said = request.json()
        for order in map(from_json, said if isinstance(said, list) else [said]):
            self._take(order)
        return Response(202, {"taken": True})

    def command(self, order: dict[str, Any]) -> Any:
        with self.transaction():
            if "invent" in order:
                row = self.db.execute("SELECT * FROM warehouse_order WHERE customer_order = ?", (order["like"],))
                like = self._order(row.fetchone())
                self._advise(replace(like, number=order["invent"]), [(line, line.ordered) for line in like.lines])
            else:
                self.db.execute("INSERT OR REPLACE INTO plan VALUES (?, ?)", (order["ship"], order["how"]))
        return {"ok": True}

    def summary(self) -> Any:
        with self.lock:
            orders = [dict(row) for row in self.db.execute("SELECT * FROM warehouse_order")]
            advices = [dict(row) for row in self.db.execute("SELECT * FROM advice")]
            owed = self.db.execute("SELECT count(*) AS n FROM outgoing WHERE sent = 0").fetchone()["n"]
        return {"orders": orders, "advices": advices, "owed": owed}

    def live(self) -> None:
        """Fetch, ship, send; what could not be sent is sent with the next look."""
        while True:
            time.sleep(PAUSE)
            with contextlib.suppress(OSError, paramiko.SSHException, EOFError, urllib.error.URLError):
                self._look()

    def _look(self) -> None:
        with self.transaction():
            waiting = "SELECT * FROM warehouse_order WHERE state NOT IN ('shipped', 'cancelled')"
            for row in self.db.execute(waiting).fetchall():
                self._ship(row)
        with self.lock:
            owed = self.db.execute("SELECT * FROM outgoing WHERE sent = 0 ORDER BY id").fetchall()
        if self.speaks == "json":
            for row in owed:
                self._post(row)
                self._sent(row["id"])
            return
        with self._folders() as sftp:
            for row in owed:
                with sftp.open(f"/in/{row['name']}", "wb") as file:
                    file.write(row["body"])
                self._sent(row["id"])
            for name in sorted(sftp.listdir("/out")):
                self._fetch(sftp, name)

    def _fetch(self, sftp: paramiko.SFTPClient, name: str) -> None:
        with sftp.open(f"/out/{name}", "rb") as file:
            text = file.read().decode("utf-8")
        self.witness({"file": PurePosixPath(name).name, "body": text})
        with self.transaction():
            for order in self._read(text):
                self._take(order)

    @contextlib.contextmanager
    def _folders(self) -> Iterator[paramiko.SFTPClient]:
        host, _, port = self.sftp.rpartition(":")
        with contextlib.closing(paramiko.Transport((host, int(port)))) as transport:
            transport.connect(username=self.code, password=self.password)
            client = paramiko.SFTPClient.from_transport(transport)
            if client is None:
                raise OSError("the server opened no channel")
            yield client

    def _post(self, row: Any) -> None:
        headers = {"Authorization": f"Bearer {self.send_key}", "Content-Type": row["media_type"]}
        headers["Content-Disposition"] = f'attachment; filename="{row["name"]}"'
        request = urllib.request.Request(self.send_to, data=row["body"], headers=headers, method="POST")  # noqa: S310 - a setting
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - the address is a setting
            pass

    def _sent(self, number: int) -> None:
        with self.transaction():
            self.db.execute("UPDATE outgoing SET sent = 1 WHERE id = ?", (number,))

    def _take(self, order: Order) -> None:
        state = "cancelled" if order.cancelled else "new"
        lines = json.dumps([[line.number, line.item, line.ordered] for line in order.lines])
        known = "ON CONFLICT (number) DO UPDATE SET state = CASE WHEN excluded.state = 'cancelled' THEN 'cancelled'"
        self.db.execute(
            f"INSERT INTO warehouse_order VALUES (?, ?, ?, ?) {known} ELSE state END",  # noqa: S608 - no value is in it
            (order.number, order.customer_order, state, lines),
        )

    def _order(self, row: Any) -> Order:
        lines = tuple(Line(number, item, ordered) for number, item, ordered in json.loads(row["lines"]))
        return Order(row["number"], row["customer_order"], row["state"] == "cancelled", lines)

    def _ship(self, row: Any) -> None:
        """One step of one order, as its plan says."""
        order = self._order(row)
        plan = self.db.execute("SELECT how FROM plan WHERE customer_order = ?", (order.customer_order,)).fetchone()
        how = plan["how"] if plan else "full"
        first, rest = order.lines[0], order.lines[1:]
        half, quarter = first.ordered // 2, first.ordered // 4
        state, word = "shipped", "short" if how == "short" else "complete"
        if how == "part" and row["state"] == "new":
            state, word, lines = "part", "partial", [(first, half)]
        elif how == "part":
            lines = [(first, first.ordered - half), *((line, line.ordered) for line in rest)]
        elif how == "short":
            lines = [(first, first.ordered - quarter), *((line, line.ordered) for line in rest)]
        else:
            lines = [(line, line.ordered) for line in order.lines]
        self._advise(order, lines, word)
        self.db.execute("UPDATE warehouse_order SET state = ? WHERE number = ?", (state, order.number))
        if how == "short":  # a backorder of it ships in full
            self.db.execute("DELETE FROM plan WHERE customer_order = ?", (order.customer_order,))

    def _advise(self, order: Order, lines: list[tuple[Line, int]], word: str = "complete") -> None:
        said = tuple(
            replace(
                line,
                shipped=shipped,
                status=word if shipped < line.ordered else "complete",
                reason="out-of-stock" if word == "short" and shipped < line.ordered else "",
            )
            for line, shipped in lines
        )
        number = f"{self.code[:2].upper()}{self._number('shipment')}"
        cartons = tuple(_sscc(self.prefix, self._number("carton")) for _ in said)
        advice = Advice(number, replace(order, lines=said), cartons, f"1Z{number}")
        body, suffix, media_type = self._write(advice)
        self.db.execute("INSERT INTO advice VALUES (?, ?, ?)", (number, order.number, body.decode()))
        self._owe(f"advice-{number}.{suffix}", body, media_type)

    def _owe(self, name: str, body: bytes, media_type: str) -> None:
        row = (name, body, media_type)
        self.db.execute("INSERT INTO outgoing (name, body, media_type, sent) VALUES (?, ?, ?, 0)", row)

    def _number(self, kind: str) -> int:
        self.db.execute("INSERT INTO counter VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET value = value + 1", (kind,))
        return int(self.db.execute("SELECT value FROM counter WHERE kind = ?", (kind,)).fetchone()["value"])

    # -- dialects ----------------------------------------------------------
    def _read(self, text: str) -> Iterator[Order]:
        if self.speaks == "csv":
            yield from from_csv(text)
            return
        for group in read_groups(text):
            if group.header[1] == "FA":
                continue
            yield from (from_940(rows) for rows in group.sets)
            number = self._number("interchange")
            body = interchange(self.us, self.them, self.lane, number, "FA", "997", acknowledgement(group))
            self._owe(f"997-{number}.edi", body, "application/edi-x12")

    def _write(self, advice: Advice) -> tuple[bytes, str, str]:
        if self.speaks == "csv":
            return to_csv(advice), "csv", "text/csv"
        if self.speaks == "json":
            return to_json(advice), "json", "application/json"
        number = self._number("interchange")
        rows = to_945(advice)
        return interchange(self.us, self.them, self.lane, number, "SW", "945", rows), "edi", "application/edi-x12"


def _sscc(prefix: str, n: int) -> str:
    digits = f"0{prefix}{n:09d}"
    odd, even = sum(map(int, digits[0::2])), sum(map(int, digits[1::2]))
    return digits + str(-(3 * odd + even) % 10)


def main() -> None:
    parser = options("warehouse")
    parser.description = __doc__
    parser.add_argument("--speaks", choices=["x12", "json", "csv"], required=True, help="its one dialect")
    parser.add_argument("--code", required=True, help="its login on the gateway's SFTP server")
    parser.add_argument("--sftp", default="", help="HOST:PORT of the gateway's SFTP server")
    parser.add_argument("--password", default="", help="its password there")
    parser.add_argument("--send-to", default="", help="address of the gateway's partner API that takes documents")
    parser.add_argument("--send-key", default="", help="its key there")
    parser.add_argument("--gs1-prefix", default="0612345", help="seven digits its cartons are numbered under")
    parser.add_argument("--us", default="ZZ:BLUERIDGE", help="its X12 id, qualifier:id")
    parser.add_argument("--them", default="ZZ:NORTHWIND", help="whom it ships for")
    arguments = parser.parse_args()
    party = Warehouse(arguments)
    threading.Thread(target=party.live, daemon=True).start()
    run(party, "warehouse", arguments.port)


if __name__ == "__main__":
    main()
