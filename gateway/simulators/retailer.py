"""A simulated retailer: orders by 850, takes 997, 855, 856 and 810, and acknowledges each with a 997 of its own.

It sends to the gateway's partner API (`--send-to URL --send-key KEY`) or drops files (`--drop FOLDER`). It receives on
POST /edi with its bearer key, or collects files from `--collect FOLDER`.

Orders of /control beside the faults; each `send` is answered with what the other side said:

    {"send": "ISA*00*...", "name": "po.edi"}      these bytes, as they are; or {"send_file": "/path"}
    {"order": {"number": "HP-1", "lines": [{"sku": "THROW-WOOL", "quantity": 24, "price": "24.50"}]}}
    {"answer": false}                             acknowledge nothing from now on
    {"reject": "810"}                             acknowledge documents of this set with a rejection
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import secrets
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from gateway.simulators.counterparty import Counterparty, Request, Response, options, run
from gateway.simulators.x12 import acknowledgement, interchange, read_groups

SCHEMA = """
CREATE TABLE IF NOT EXISTS outgoing (
    id INTEGER PRIMARY KEY, name TEXT, body BLOB, tries INTEGER DEFAULT 0, answer TEXT);
CREATE TABLE IF NOT EXISTS document (id INTEGER PRIMARY KEY, set_id TEXT, control TEXT, group_control TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS counter (kind TEXT PRIMARY KEY, value INTEGER);
"""
PAUSE = 0.2  # seconds between looks at the folder and at what is still to be sent
MEDIA_TYPE = "application/edi-x12"


class Refusal(ValueError):
    """The gateway, or the network before it, did not take what we sent."""


class Retailer(Counterparty):
    """Buys, receives, acknowledges."""

    def __init__(self, arguments: Any) -> None:
        super().__init__(arguments)
        self.us: tuple[str, str] = tuple(arguments.us.split(":", 1))
        self.them: tuple[str, str] = tuple(arguments.them.split(":", 1))
        self.send_to: str | None = arguments.send_to
        self.send_key: str = arguments.send_key
        self.drop: Path | None = Path(arguments.drop) if arguments.drop else None
        self.collect: Path | None = Path(arguments.collect) if arguments.collect else None
        self.answering = True
        self.rejecting: set[str] = set()
        self.db.executescript(SCHEMA)

    def answer(self, request: Request) -> Response:
        self.authorise(request)
        if request.method != "POST" or request.path != "/edi":
            return Response(404, {"error": {"code": "unknown", "message": f"no {request.path} here"}})
        return self._receive(request.body)

    def command(self, order: dict[str, Any]) -> Any:
        if "answer" in order:
            self.answering = bool(order["answer"])
            return {"ok": True}
        if "reject" in order:
            self.rejecting.add(str(order["reject"]))
            return {"ok": True}
        if "order" in order:
            with self.transaction():
                body = self._purchase_order(order["order"])
            return self._send(f"{order['order']['number']}.edi", body)
        if "send_file" in order:
            path = Path(order["send_file"])
            return self._send(path.name, path.read_bytes())
        return self._send(order.get("name", "document.edi"), order["send"].encode("utf-8"))

    def summary(self) -> Any:
        with self.lock:
            documents = [
                dict(row) for row in self.db.execute("SELECT set_id, control, group_control, body FROM document")
            ]
            sent = [dict(row) for row in self.db.execute("SELECT name, tries, answer FROM outgoing")]
        return {"documents": documents, "acknowledgements": sent}

    def live(self) -> None:
        """Collect what waits in the folder; send what we owe, again and again until it is taken."""
        while True:
            time.sleep(PAUSE)
            for path in sorted(self.collect.iterdir()) if self.collect else ():
                if path.name.startswith(".") or not path.is_file():
                    continue
                body = path.read_bytes()
                self.witness({"file": path.name, "body": body.decode("utf-8", "backslashreplace")})
                with self.transaction():
                    self._receive(body)
                path.unlink()
            with self.lock:
                owed = self.db.execute("SELECT id, name, body FROM outgoing WHERE answer IS NULL").fetchall()
            for row in owed:
                answer = None
                with contextlib.suppress(Refusal):
                    answer = json.dumps(self._send(row["name"], row["body"]))
                with self.transaction():
                    self.db.execute(
                        "UPDATE outgoing SET tries = tries + 1, answer = ? WHERE id = ?", (answer, row["id"])
                    )

    def _receive(self, body: bytes) -> Response:
        text = body.decode("latin-1")
        groups = list(read_groups(text))
        if not groups:
            return Response(422, {"error": {"code": "unreadable", "message": "no X12 interchange with a group in it"}})
        for group in groups:
            for rows in group.sets:
                values = (rows[0][1], rows[0][2], group.header[6], text)
                self.db.execute(
                    "INSERT INTO document (set_id, control, group_control, body) VALUES (?, ?, ?, ?)", values
                )
            if self.answering and group.header[1] != "FA":
                name = f"997_{group.header[1]}_{group.header[6]}.edi"
                body = self._interchange("FA", "997", acknowledgement(group, self.rejecting))
                self.db.execute("INSERT INTO outgoing (name, body) VALUES (?, ?)", (name, body))
        return Response(200, {"received": sum(len(group.sets) for group in groups)})

    def _purchase_order(self, order: dict[str, Any]) -> bytes:
        today = dt.datetime.now(dt.UTC).strftime("%Y%m%d")
        rows = [["BEG", "00", "SA", order["number"], "", today]]
        rows.append(["N1", "ST", order.get("ship_to", "Store 14"), "92", order.get("store", "0014")])
        for n, line in enumerate(order["lines"], 1):
            quantity, price = str(line["quantity"]), str(line["price"])
            rows.append(["PO1", str(n), quantity, "EA", price, "", "VN", line["sku"]])
        rows.append(["CTT", str(len(order["lines"]))])
        return self._interchange("PO", "850", rows)

    def _interchange(self, functional_id: str, set_id: str, rows: list[list[str]]) -> bytes:
        number = self._number("interchange")
        return interchange(self.us, self.them, self.lane, number, functional_id, set_id, rows)

    def _send(self, name: str, body: bytes) -> Any:
        if self.drop is not None:
            temporary = self.drop / f".{secrets.token_hex(8)}.tmp"
            temporary.write_bytes(body)
            os.replace(temporary, self.drop / name)  # noqa: PTH105 - the name of the thing is the point
            return {"dropped": name}
        if self.send_to is None:
            raise ValueError("started with neither --send-to nor --drop")
        headers = {"Authorization": f"Bearer {self.send_key}", "Content-Type": MEDIA_TYPE}
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
        request = urllib.request.Request(self.send_to, data=body, headers=headers, method="POST")  # noqa: S310 - a setting
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - the address is a setting
                return {"status": reply.status, "body": reply.read().decode("utf-8", "replace")}
        except urllib.error.HTTPError as error:
            with error:
                answer = {"status": error.code, "body": error.read().decode("utf-8", "replace")}
            if error.code in (429, 500, 502, 503, 504):
                raise Refusal(answer) from None
            return answer
        except OSError as error:
            raise Refusal(str(error)) from None

    def _number(self, kind: str) -> int:
        self.db.execute("INSERT INTO counter VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET value = value + 1", (kind,))
        return int(self.db.execute("SELECT value FROM counter WHERE kind = ?", (kind,)).fetchone()["value"])


def main() -> None:
    parser = options("retailer")
    parser.description = __doc__
    parser.add_argument("--us", default="ZZ:HARBORPINE", help="our trading id, qualifier:id")
    parser.add_argument("--them", default="ZZ:NORTHWIND", help="whom we buy from")
    parser.add_argument("--send-to", help="address of the gateway's partner API that takes documents")
    parser.add_argument("--send-key", default="", help="our key there")
    parser.add_argument("--drop", help="put what we send into this folder instead")
    parser.add_argument("--collect", help="take what is sent to us from this folder too")
    arguments = parser.parse_args()
    party = Retailer(arguments)
    threading.Thread(target=party.live, daemon=True).start()
    run(party, "retailer", arguments.port)


if __name__ == "__main__":
    main()
