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
import csv
import datetime as dt
import io
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import paramiko

from gateway.canonical.gs1 import sscc
from gateway.simulators.counterparty import Counterparty, NotAllowed, Request, Response, options, run
from gateway.simulators.x12 import acknowledgement, interchange, read_groups

PAUSE = 0.3  # seconds between looks at the gateway's folder and at what is still to be sent
PREFIX = "0612345"  # the GS1 prefix its cartons are numbered under
SCHEMA = """
CREATE TABLE IF NOT EXISTS warehouse_order (number TEXT PRIMARY KEY, customer_order TEXT, state TEXT, lines TEXT);
CREATE TABLE IF NOT EXISTS outgoing (id INTEGER PRIMARY KEY, name TEXT, body BLOB, media_type TEXT, sent INTEGER);
CREATE TABLE IF NOT EXISTS advice (number TEXT PRIMARY KEY, warehouse_order TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS plan (customer_order TEXT PRIMARY KEY, how TEXT);
CREATE TABLE IF NOT EXISTS counter (kind TEXT PRIMARY KEY, value INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One article of a warehouse order, and of an advice what became of it."""

    number: str
    item: str
    ordered: int
    shipped: int = 0
    status: str = ""  # complete | partial | short
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A warehouse order as any dialect says it."""

    number: str
    customer_order: str
    cancelled: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """What left with one truck: each line in a carton of its own."""

    number: str
    order: Order
    cartons: tuple[str, ...]  # SSCC a line
    tracking: str


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
        self.db.executescript(SCHEMA)

    def answer(self, request: Request) -> Response:
        """The JSON dialect's door."""
        self.authorise(request)
        if (request.method, request.path) != ("POST", "/orders"):
            raise NotAllowed(Response(404, {"error": {"code": "unknown", "message": f"no {request.path} here"}}))
        said = request.json()
        for order in map(_from_json, said if isinstance(said, list) else [said]):
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
            for row in self.db.execute("SELECT * FROM warehouse_order WHERE state NOT IN ('shipped', 'cancelled')"):
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
        state = "shipped"
        if how == "part" and row["state"] == "new":
            state, lines = "part", [(first, half)]
        elif how == "part":
            lines = [(first, first.ordered - half), *((line, line.ordered) for line in rest)]
        elif how == "short":
            lines = [(first, first.ordered - quarter), *((line, line.ordered) for line in rest)]
        else:
            lines = [(line, line.ordered) for line in order.lines]
        self._advise(
            order,
            lines,
            words={"part": "partial", "short": "short"}.get(how if state != "shipped" or how == "short" else ""),
        )
        self.db.execute("UPDATE warehouse_order SET state = ? WHERE number = ?", (state, order.number))
        if how == "short":  # a backorder of it ships in full
            self.db.execute("DELETE FROM plan WHERE customer_order = ?", (order.customer_order,))

    def _advise(self, order: Order, lines: list[tuple[Line, int]], *, words: str | None = None) -> None:
        said = tuple(
            replace(
                line,
                shipped=shipped,
                status=words if words and shipped < line.ordered else "complete",
                reason="out-of-stock" if words == "short" and shipped < line.ordered else "",
            )
            for line, shipped in lines
        )
        number = f"{self.code[:2].upper()}{self._number('shipment')}"
        cartons = tuple(sscc(PREFIX, self._number("carton")) for _ in said)
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
            yield from _from_csv(text)
            return
        for group in read_groups(text):
            if group.header[1] == "FA":
                continue
            yield from (_from_940(rows) for rows in group.sets)
            number = self._number("interchange")
            body = interchange(self.us, self.them, self.lane, number, "FA", "997", acknowledgement(group))
            self._owe(f"997-{number}.edi", body, "application/edi-x12")

    def _write(self, advice: Advice) -> tuple[bytes, str, str]:
        if self.speaks == "csv":
            return _to_csv(advice), "csv", "text/csv"
        if self.speaks == "json":
            return _to_json(advice), "json", "application/json"
        number = self._number("interchange")
        rows = _to_945(advice)
        return interchange(self.us, self.them, self.lane, number, "SW", "945", rows), "edi", "application/edi-x12"


def _from_940(rows: list[list[str]]) -> Order:
    head = next(row for row in rows if row[0] == "W05")
    lines: list[Line] = []
    for row in rows:
        if row[0] == "W01":
            lines.append(Line("", row[5], int(row[1])))
        elif row[0] == "N9" and row[1] == "LI" and lines:
            lines[-1] = replace(lines[-1], number=row[2])
    return Order(head[2], head[3], head[1] == "F", tuple(lines))


_STATUS = {"complete": "CC", "partial": "BP", "short": "CP"}


def _to_945(advice: Advice) -> list[list[str]]:
    order = advice.order
    today = dt.datetime.now(dt.UTC).strftime("%Y%m%d")
    rows = [["W06", "N", order.number, today, advice.number, "", order.customer_order]]
    rows += [["N1", "WH", "Blue Ridge Logistics"], ["N9", "CN", advice.tracking], ["W27", "M", "BRLQ"]]
    for n, (line, carton) in enumerate(zip(order.lines, advice.cartons, strict=True), 1):
        short = str(line.ordered - line.shipped) if line.shipped < line.ordered else ""
        item = ["W12", _STATUS[line.status], str(line.ordered), str(line.shipped), short, "EA", "", "VN", line.item]
        if line.reason:
            item += [""] * 10 + ["01"]
        rows += [["LX", str(n)], ["MAN", "GM", carton], item, ["N9", "LI", line.number]]
    return [*rows, ["W03", str(sum(line.shipped for line in order.lines))]]


def _from_json(said: dict[str, Any]) -> Order:
    lines = tuple(
        Line(line["line_number"], next(iter(line["identifiers"].values())), int(line["ordered"]["value"]))
        for line in said["lines"]
    )
    cancelled = said.get("purpose") == "cancellation"
    return Order(said["depositor_order_number"], said["order_number"], cancelled, lines)


def _to_json(advice: Advice) -> bytes:
    order = advice.order
    packages = [
        {
            "sscc": carton,
            "lines": [
                {
                    "line_number": line.number,
                    "status": line.status,
                    **({"reason": line.reason} if line.reason else {}),
                    "identifiers": {"supplier_item": line.item},
                    "ordered": {"value": str(line.ordered), "unit": "each"},
                    "shipped": str(line.shipped),
                }
            ],
        }
        for line, carton in zip(order.lines, advice.cartons, strict=True)
    ]
    body = {
        "kind": "warehouse-shipping-advice",
        "purpose": "original",
        "depositor_order_number": order.number,
        "order_number": order.customer_order,
        "shipment_number": advice.number,
        "shipped_on": dt.datetime.now(dt.UTC).date().isoformat(),
        "tracking_number": advice.tracking,
        "carrier": {"scac": "BRLQ"},
        "packages": packages,
    }
    return json.dumps(body).encode()


def _from_csv(text: str) -> Iterator[Order]:
    orders: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        if row.get("LINE"):
            orders.setdefault(row["ORDER_NO"], []).append(row)
    for number, rows in orders.items():
        lines = tuple(Line(row["LINE"], row["VENDOR_ITEM"], int(row["QTY"])) for row in rows)
        yield Order(number, rows[0]["CUSTOMER_PO"], rows[0].get("ACTION") == "CANCEL", lines)


_WORDS = {"complete": "CC", "partial": "CP", "short": "SH"}


def _to_csv(advice: Advice) -> bytes:
    columns = "SHIPMENT_NO ORDER_NO CUSTOMER_PO LOAD_NO WAREHOUSE DEPOSITOR SHIP_DATE CARRIER BOL TRACKING SHIP_TO_CODE"
    columns += " SHIP_TO_NAME SSCC CARTON_TRACKING LINE STATUS REASON SKU UPC VENDOR_ITEM QTY_ORDERED UOM QTY_SHIPPED"
    columns += " QTY_SHORT LOT EXPIRY"
    out = io.StringIO()
    writer = csv.DictWriter(out, columns.split(), restval="", lineterminator="\r\n")
    writer.writeheader()
    order = advice.order
    for line, carton in zip(order.lines, advice.cartons, strict=True):
        writer.writerow(
            {
                "SHIPMENT_NO": advice.number,
                "ORDER_NO": order.number,
                "CUSTOMER_PO": order.customer_order,
                "SHIP_DATE": dt.datetime.now(dt.UTC).date().isoformat(),
                "CARRIER": "BRLQ",
                "TRACKING": advice.tracking,
                "SSCC": carton,
                "LINE": line.number,
                "STATUS": _WORDS[line.status],
                "REASON": line.reason,
                "VENDOR_ITEM": line.item,
                "QTY_ORDERED": line.ordered,
                "UOM": "EA",
                "QTY_SHIPPED": line.shipped,
            }
        )
    shipped = sum(line.shipped for line in order.lines)
    out.write(_trailer(columns.split(), {"SHIPMENT_NO": "TOTAL", "ORDER_NO": len(order.lines), "QTY_SHIPPED": shipped}))
    return out.getvalue().encode("utf-8")


def _trailer(columns: list[str], values: dict[str, Any]) -> str:
    return ",".join(str(values.get(column, "")) for column in columns) + "\r\n"


def main() -> None:
    parser = options("warehouse")
    parser.description = __doc__
    parser.add_argument("--speaks", choices=["x12", "json", "csv"], required=True, help="its one dialect")
    parser.add_argument("--code", required=True, help="its login on the gateway's SFTP server")
    parser.add_argument("--sftp", default="", help="HOST:PORT of the gateway's SFTP server")
    parser.add_argument("--password", default="", help="its password there")
    parser.add_argument("--send-to", default="", help="address of the gateway's partner API that takes documents")
    parser.add_argument("--send-key", default="", help="its key there")
    parser.add_argument("--us", default="ZZ:BLUERIDGE", help="its X12 id, qualifier:id")
    parser.add_argument("--them", default="ZZ:NORTHWIND", help="whom it ships for")
    arguments = parser.parse_args()
    party = Warehouse(arguments)
    threading.Thread(target=party.live, daemon=True).start()
    run(party, "warehouse", arguments.port)


if __name__ == "__main__":
    main()
