"""A simulated ERP: takes orders, ships what it has, bills what it shipped, and tells what happened by a feed.

It is as careless as real ones: two POSTs with one external reference make two records. Orders move on by themselves,
one step every `--pace` seconds: entered, accepted (or rejected), released, shipped, invoiced. An item that runs short
is shipped in part; the rest follows when stock comes, or is dropped if the item says `"short": "close"`.

An order whose ship-to customer number is placed (`{"place": ...}`) is released to a site that is not the ERP's own: it
waits there for the shipments that are posted to it, bills each, and releases again what is backordered.

Orders of /control beside the faults:

    {"item": "THROW-WOOL", "price": "24.50", "stock": 18, "short": "close"}   what it knows of an item
    {"place": "HP-1001", "site": "reno"}                                      this purchase order ships from there
    {"item": "LAMP-9", "discontinued": true}                                  orders for it are rejected by the feed
    {"customer": "C-00412", "blocked": true}                                  its orders are refused with 422
    {"advance": "SO-1001"}                                                    one step, now
"""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from decimal import Decimal
from typing import Any

from gateway.simulators.counterparty import Counterparty, NotAllowed, Request, Response, options, run

STEPS = {"entered": "accepted", "accepted": "released", "released": "shipped", "shipped": "invoiced"}
KINDS = {"shipments": "SH", "invoices": "IN", "adjustments": "AD", "returns": "RA", "changes": "CH", "shortages": "ST"}
UNLIMITED = 10**9
SCHEMA = """
CREATE TABLE IF NOT EXISTS record (kind TEXT, number TEXT PRIMARY KEY, external_reference TEXT, body TEXT);
CREATE INDEX IF NOT EXISTS record_reference ON record (kind, external_reference);
CREATE TABLE IF NOT EXISTS sales_order (number TEXT PRIMARY KEY, external_reference TEXT, status TEXT, body TEXT,
    shipped TEXT DEFAULT '{}', billed TEXT DEFAULT '{}', next_at REAL);
CREATE TABLE IF NOT EXISTS change (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT);
CREATE TABLE IF NOT EXISTS item (sku TEXT PRIMARY KEY, price TEXT, stock INTEGER, short TEXT, discontinued INTEGER);
CREATE TABLE IF NOT EXISTS customer (id TEXT PRIMARY KEY, blocked INTEGER);
CREATE TABLE IF NOT EXISTS place (customer_po TEXT PRIMARY KEY, site TEXT);
CREATE TABLE IF NOT EXISTS counter (kind TEXT PRIMARY KEY, value INTEGER);
"""


class Erp(Counterparty):
    """Orders, shipments, invoices, stock, returns."""

    def __init__(self, arguments: Any) -> None:
        super().__init__(arguments)
        self.pace: float = arguments.pace
        self.db.executescript(SCHEMA)

    def answer(self, request: Request) -> Response:
        self.authorise(request)
        self.check_lane(request)
        match request.method, *request.steps[1:]:
            case "POST", "orders":
                return self._enter(request.json())
            case "GET", "orders":
                return self._search(request)
            case "GET", "orders", number:
                return Response(200, self._order(number))
            case "POST", "orders", number, "cancel":
                return self._cancel(number)
            case "POST", "orders", number, "changes":
                return self._change(number, request.json())
            case "GET", "orders", _, "changes":
                return self._records("changes", request)
            case "GET", "changes":
                return self._feed(request)
            case "POST", "shipments":
                return self._shipped_elsewhere(request.json())
            case "POST", "shortages":
                return self._settle(request.json())
            case "POST", ("invoices" | "adjustments" | "returns") as kind:
                return self._post(kind, request.json())
            case "GET", ("shipments" | "shortages" | "invoices" | "adjustments" | "returns") as kind:
                return self._records(kind, request)
        return _refusal(404, "unknown", f"no {request.path} here")

    def command(self, order: dict[str, Any]) -> Any:
        with self.transaction():
            if "item" in order:
                values = (order.get("price"), order.get("stock", UNLIMITED), order.get("short", "backorder"))
                self.db.execute(
                    "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?)",
                    (order["item"], *values, bool(order.get("discontinued"))),
                )
            elif "customer" in order:
                row = (order["customer"], bool(order.get("blocked")))
                self.db.execute("INSERT OR REPLACE INTO customer VALUES (?, ?)", row)
            elif "place" in order:
                self.db.execute("INSERT OR REPLACE INTO place VALUES (?, ?)", (order["place"], order["site"]))
            elif "advance" in order:
                self._advance(order["advance"])
            else:
                raise ValueError(f"no such order: {order}")
        return {"ok": True}

    def summary(self) -> Any:
        with self.lock:
            orders = [self._order(row["number"]) for row in self.db.execute("SELECT number FROM sales_order")]
            records = [
                {"kind": row["kind"], "number": row["number"], **json.loads(row["body"])}
                for row in self.db.execute("SELECT * FROM record")
            ]
        return {"orders": orders, "records": records}

    def live(self) -> None:
        """Move every order on when its time has come."""
        while True:
            time.sleep(min(self.pace, 0.1))
            with self.transaction():
                due = self.db.execute("SELECT number FROM sales_order WHERE next_at <= ?", (time.time(),)).fetchall()
                for row in due:
                    self._advance(row["number"])

    def _enter(self, order: dict[str, Any]) -> Response:
        customer = self.db.execute("SELECT blocked FROM customer WHERE id = ?", (order["customer"],)).fetchone()
        if customer is not None and customer["blocked"]:
            return _refusal(
                422, "customer_blocked", f"customer {order['customer']} is blocked: credit hold", "customer"
            )
        for n, line in enumerate(order["lines"]):
            item = self._item(line["sku"])
            if item and item["price"] and "price" in line and Decimal(str(line["price"])) != Decimal(item["price"]):
                words = f"the price of {line['sku']} is {line['price']}; our price list says {item['price']}"
                return _refusal(422, "price_mismatch", words, f"lines/{n}/price")
            if Decimal(str(line["quantity"])) <= 0:
                return _refusal(422, "quantity", "a quantity must be more than 0", f"lines/{n}/quantity")
        number = self._number("SO", 1000)
        self.db.execute(
            "INSERT INTO sales_order (number, external_reference, status, body, next_at) VALUES (?, ?, ?, ?, ?)",
            (number, order.get("external_reference"), "entered", json.dumps(order), self._next()),
        )
        return Response(201, self._order(number))

    def _search(self, request: Request) -> Response:
        reference = request.query["external_reference"]
        found = self.db.execute("SELECT number FROM sales_order WHERE external_reference = ?", (reference,))
        return Response(200, {"orders": [self._order(row["number"]) for row in found.fetchall()]})

    def _cancel(self, number: str) -> Response:
        order = self._order(number)
        if order["status"] in ("shipped", "invoiced"):
            return _refusal(409, "too_late", f"{number} has been shipped")
        if order["status"] != "cancelled":
            self._set(number, "cancelled", None)
            self._tell("order.cancelled", number)
        return Response(200, self._order(number))

    def _change(self, number: str, change: dict[str, Any]) -> Response:
        order = self._order(number)
        if order["status"] not in ("entered", "accepted"):
            return _refusal(409, "too_late", f"{number} is {order['status']} and cannot be changed")
        body = {name: value for name, value in change.items() if name != "external_reference"}
        stored = {name: order[name] for name in order if name not in ("number", "status", "shipped")}
        self.db.execute("UPDATE sales_order SET body = ? WHERE number = ?", (json.dumps({**stored, **body}), number))
        return self._post("changes", {**change, "order": number})

    def _post(self, kind: str, body: dict[str, Any]) -> Response:
        if (number := body.get("order")) is not None:
            self._order(number)
        number = self._number(KINDS[kind], 5000)
        self.db.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?)", (kind, number, body.get("external_reference"), json.dumps(body))
        )
        return Response(201, {**body, "number": number})

    def _records(self, kind: str, request: Request) -> Response:
        found = self.db.execute(
            "SELECT * FROM record WHERE kind = ? AND external_reference = ?",
            (kind, request.query["external_reference"]),
        ).fetchall()
        return Response(200, {kind: [{**json.loads(row["body"]), "number": row["number"]} for row in found]})

    def _feed(self, request: Request) -> Response:
        after, limit = int(request.query.get("after", 0)), min(int(request.query.get("limit", 100)), 500)
        rows = self.db.execute("SELECT * FROM change WHERE id > ? ORDER BY id LIMIT ?", (after, limit + 1)).fetchall()
        page = [{"id": str(row["id"]), **json.loads(row["body"])} for row in rows[:limit]]
        return Response(
            200, {"changes": page, "next": page[-1]["id"] if page else str(after), "more": len(rows) > limit}
        )

    def _advance(self, number: str) -> None:
        row = self.db.execute("SELECT * FROM sales_order WHERE number = ?", (number,)).fetchone()
        body = json.loads(row["body"])
        target = STEPS.get(row["status"])
        if target == "accepted" and any(self._discontinued(line["sku"]) for line in body["lines"]):
            self._set(number, "rejected", None)
            self._tell("order.rejected", number, {"reason": "an item is no longer sold"})
        elif target == "released" and (site := self._placed(body)) is not None:
            self._release(number, body, site)
        elif target == "shipped":
            self._ship(number, body)
        elif target == "invoiced":
            self._bill(number, body)
        elif target is not None:
            self._set(number, target, self._next())
            self._tell(f"order.{target}", number)

    def _placed(self, body: dict[str, Any]) -> str | None:
        found = self.db.execute("SELECT site FROM place WHERE customer_po = ?", (body["customer_po"],)).fetchone()
        return None if found is None else str(found["site"])

    def _release(self, number: str, body: dict[str, Any], site: str, lines: dict[str, str] | None = None) -> None:
        """To a site of somebody else: under a number of its own, and then we wait."""
        wanted = lines or {str(line["line"]): str(line["quantity"]) for line in body["lines"]}
        released = [{"line": line, "quantity": quantity} for line, quantity in wanted.items()]
        self._set(number, "released", None)
        self._tell(
            "order.released",
            number,
            {"release": {"number": self._number("WO", 30000), "site": site, "lines": released}},
        )

    def _shipped_elsewhere(self, shipment: dict[str, Any]) -> Response:
        """What a warehouse shipped for us: booked, and billed."""
        answer = self._post("shipments", shipment)
        number = shipment["order"]
        shipped: dict[str, str] = self._order(number)["shipped"]
        for line, quantity in (shipment.get("lines") or {}).items():
            shipped[line] = str(Decimal(shipped.get(line, "0")) + Decimal(quantity))
        self.db.execute("UPDATE sales_order SET shipped = ? WHERE number = ?", (json.dumps(shipped), number))
        body = self._order(number)
        whole = all(
            Decimal(shipped.get(str(one["line"]), "0")) >= Decimal(str(one["quantity"])) for one in body["lines"]
        )
        self._bill(number, body, partly=not whole)
        return answer

    def _settle(self, shortage: dict[str, Any]) -> Response:
        """Pieces nobody shipped: dropped from the order, or released again."""
        answer = self._post("shortages", shortage)
        number, line, quantity = shortage["order"], str(shortage["line"]), Decimal(str(shortage["quantity"]))
        body = self._order(number)
        if shortage["decision"] == "backorder":
            self._release(number, body, self._placed(body) or "", {line: str(quantity)})
            return answer
        for one in body["lines"]:
            if str(one["line"]) == line:
                one["quantity"] = float(Decimal(str(one["quantity"])) - quantity)
        kept = {name: body[name] for name in body if name not in ("number", "status", "shipped")}
        self.db.execute("UPDATE sales_order SET body = ? WHERE number = ?", (json.dumps(kept), number))
        return answer

    def _ship(self, number: str, body: dict[str, Any]) -> None:
        shipped: dict[str, str] = self._order(number)["shipped"]
        now: list[dict[str, str]] = []
        waiting = False
        for line in body["lines"]:
            left = Decimal(str(line["quantity"])) - Decimal(shipped.get(str(line["line"]), "0"))
            item = self._item(line["sku"])
            stock = Decimal(item["stock"]) if item else left
            take = min(left, stock)
            if take > 0:
                now.append({"line": str(line["line"]), "sku": line["sku"], "quantity": str(take)})
                shipped[str(line["line"])] = str(Decimal(shipped.get(str(line["line"]), "0")) + take)
                self.db.execute("UPDATE item SET stock = stock - ? WHERE sku = ?", (int(take), line["sku"]))
            waiting |= take < left and not (item and item["short"] == "close")
        self.db.execute("UPDATE sales_order SET shipped = ? WHERE number = ?", (json.dumps(shipped), number))
        if now:
            self._tell(
                "shipment.posted",
                number,
                {
                    "shipment": {
                        "number": self._number("DN", 70000),
                        "carrier": "BRLQ",
                        "tracking": f"1Z{number.removeprefix('SO-')}{len(shipped):02d}",
                        "bill_of_lading": f"BOL{number.removeprefix('SO-')}",
                        "packages": len(now),
                        "lines": now,
                        "complete": not waiting,
                    }
                },
            )
        # what waits for stock stays released; what was shipped is billed at once, as a business with short terms does
        self._set(number, "released" if waiting else "shipped", self._next() if now or not waiting else time.time() + 1)
        if waiting and now:
            self._bill(number, body, partly=True)

    def _bill(self, number: str, body: dict[str, Any], *, partly: bool = False) -> None:
        order = self.db.execute("SELECT shipped, billed FROM sales_order WHERE number = ?", (number,)).fetchone()
        shipped, billed = json.loads(order["shipped"]), json.loads(order["billed"])
        lines: list[dict[str, str]] = []
        for line in body["lines"]:
            name = str(line["line"])
            quantity = Decimal(shipped.get(name, "0")) - Decimal(billed.get(name, "0"))
            if quantity > 0:
                lines.append({"line": name, "quantity": str(quantity), "price": str(line.get("price", "0"))})
        if lines:
            total = sum((Decimal(line["quantity"]) * Decimal(line["price"]) for line in lines), Decimal(0))
            invoice = {"number": self._number("IV", 90000), "total": f"{total:.2f}", "lines": lines}
            self._tell("invoice.posted", number, {"invoice": invoice})
        self.db.execute("UPDATE sales_order SET billed = ? WHERE number = ?", (json.dumps(shipped), number))
        if not partly:
            self._set(number, "invoiced", None)

    def _tell(self, kind: str, number: str, more: dict[str, Any] | None = None) -> None:
        order = self._order(number)
        said = {name: order.get(name) for name in ("number", "external_reference", "customer", "customer_po")}
        body = {"type": kind, "at": dt.datetime.now(dt.UTC).isoformat(), "order": said, **(more or {})}
        self.db.execute("INSERT INTO change (body) VALUES (?)", (json.dumps(body),))

    def _order(self, number: str) -> dict[str, Any]:
        row = self.db.execute("SELECT * FROM sales_order WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise NotAllowed(_refusal(404, "unknown_order", f"there is no order {number}"))
        known = {"number": number, "status": row["status"], "shipped": json.loads(row["shipped"])}
        return {**json.loads(row["body"]), **known}

    def _set(self, number: str, status: str, next_at: float | None) -> None:
        self.db.execute("UPDATE sales_order SET status = ?, next_at = ? WHERE number = ?", (status, next_at, number))

    def _next(self) -> float | None:
        return time.time() + self.pace if self.pace > 0 else None

    def _item(self, sku: str) -> Any:
        return self.db.execute("SELECT * FROM item WHERE sku = ?", (sku,)).fetchone()

    def _discontinued(self, sku: str) -> bool:
        item = self._item(sku)
        return bool(item and item["discontinued"])

    def _number(self, kind: str, start: int) -> str:
        self.db.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET value = value + 1", (kind, start + 1)
        )
        value = self.db.execute("SELECT value FROM counter WHERE kind = ?", (kind,)).fetchone()["value"]
        return f"{kind}-{value}"


def _refusal(status: int, code: str, message: str, field: str | None = None) -> Response:
    return Response(status, {"error": {"code": code, "message": message, **({"field": field} if field else {})}})


def main() -> None:
    parser = options("erp")
    parser.description = __doc__
    parser.add_argument("--pace", type=float, default=0.5, help="seconds between the steps of an order; 0 = only told")
    arguments = parser.parse_args()
    party = Erp(arguments)
    if party.pace > 0:
        threading.Thread(target=party.live, daemon=True).start()
    run(party, "erp", arguments.port)


if __name__ == "__main__":
    main()
