"""What a simulated 3PL reads and writes: a warehouse order and a shipping advice in X12, JSON and CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any


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


def from_940(rows: list[list[str]]) -> Order:
    """One 940, ST to SE."""
    head = next(row for row in rows if row[0] == "W05")
    lines: list[Line] = []
    for row in rows:
        if row[0] == "W01":
            lines.append(Line("", row[5], int(row[1])))
        elif row[0] == "N9" and row[1] == "LI" and lines:
            lines[-1] = replace(lines[-1], number=row[2])
    return Order(head[2], head[3], head[1] == "F", tuple(lines))


_STATUS = {"complete": "CC", "partial": "BP", "short": "CP"}


def to_945(advice: Advice) -> list[list[str]]:
    """One 945, ST and SE left out."""
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


def from_json(said: dict[str, Any]) -> Order:
    """An order as the gateway posts it."""
    lines = tuple(Line(item["line"], item["supplierItem"], int(item["quantity"])) for item in said["items"])
    return Order(said["orderId"], said["purchaseOrder"], said["action"] == "cancel", lines)


def to_json(advice: Advice) -> bytes:
    """An advice as the gateway takes it."""
    order = advice.order
    packages = [
        {
            "sscc": carton,
            "items": [
                {
                    "line": line.number,
                    "status": line.status.upper().replace("COMPLETE", "SHIPPED"),
                    **({"reason": line.reason} if line.reason else {}),
                    "supplierItem": line.item,
                    "ordered": line.ordered,
                    "unit": "EACH",
                    "shipped": line.shipped,
                }
            ],
        }
        for line, carton in zip(order.lines, advice.cartons, strict=True)
    ]
    body = {
        "report": "new",
        "shipmentId": advice.number,
        "orderId": order.number,
        "purchaseOrder": order.customer_order,
        "shippedOn": dt.datetime.now(dt.UTC).date().isoformat(),
        "carrier": {"scac": "BRLQ", "tracking": advice.tracking},
        "packages": packages,
    }
    return json.dumps(body).encode()


def from_csv(text: str) -> Iterator[Order]:
    """The orders of a file: a row an article."""
    orders: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        if row.get("LINE"):
            orders.setdefault(row["ORDER_NO"], []).append(row)
    for number, rows in orders.items():
        lines = tuple(Line(row["LINE"], row["VENDOR_ITEM"], int(row["QTY"])) for row in rows)
        yield Order(number, rows[0]["CUSTOMER_PO"], rows[0]["ACTION"] == "C", lines)


_WORDS = {"complete": "CC", "partial": "CP", "short": "SH"}


def to_csv(advice: Advice) -> bytes:
    """One advice as a file: a row an article, and a last row that counts."""
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
