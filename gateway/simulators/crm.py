"""A simulated CRM: sales people see where each order stands, and cases for what went wrong.

It wants OAuth 2 client credentials (POST /oauth/token) whose tokens end after `--token-life` seconds, or its bearer
key. An order is kept under the customer's order number and may be put there again and again; updates and cases are
records, and two POSTs make two of them.

Orders of /control beside the faults: {"expire_tokens": true} and {"account": "HARBORPINE", "blocked": true}.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qs

from gateway.simulators.counterparty import Counterparty, NotAllowed, Request, Response, options, run

SCHEMA = """
CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, blocked INTEGER);
CREATE TABLE IF NOT EXISTS sales_order (id INTEGER PRIMARY KEY, order_number TEXT UNIQUE, account TEXT, status TEXT);
CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, kind TEXT, external_reference TEXT, about TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS token (text TEXT PRIMARY KEY, until REAL);
"""


class Crm(Counterparty):
    """Accounts, the status of orders, cases."""

    def __init__(self, arguments: Any) -> None:
        super().__init__(arguments)
        self.client: str = arguments.client
        self.client_secret: str = arguments.client_secret
        self.token_life: float = arguments.token_life
        self.db.executescript(SCHEMA)

    def answer(self, request: Request) -> Response:
        if request.path == "/oauth/token" and request.method == "POST":
            return self._token(request)
        self._authorise(request)
        if request.headers.get("x-lane", self.lane) != self.lane:
            return _errors(422, "lane", f"this is the {self.lane} system", "/lane")
        match request.method, *request.steps[1:]:
            case "PUT", "orders", number:
                return self._put_order(number, request.json())
            case "GET", "orders", number:
                return self._get_order(number)
            case "POST", "orders", number, "updates":
                return self._add_update(number, request.json())
            case "GET", "orders", number, "updates":
                return self._entries("update", number, request)
            case "POST", "cases":
                body = request.json()
                if body.get("priority", "normal") not in ("low", "normal", "high"):
                    return _errors(422, "priority", "a priority is low, normal or high", "/priority")
                return self._add("case", body.get("order_number"), body)
            case "GET", "cases":
                return self._entries("case", None, request)
        return _errors(404, "unknown", f"no {request.path} here", None)

    def command(self, order: dict[str, Any]) -> Any:
        with self.transaction():
            if "expire_tokens" in order:
                self.db.execute("DELETE FROM token")
            elif "account" in order:
                row = (order["account"], bool(order.get("blocked")))
                self.db.execute("INSERT OR REPLACE INTO account VALUES (?, ?)", row)
            else:
                raise ValueError(f"no such order: {order}")
        return {"ok": True}

    def summary(self) -> Any:
        with self.lock:
            return {
                "orders": [dict(row) for row in self.db.execute("SELECT * FROM sales_order")],
                "updates": self._all("update"),
                "cases": self._all("case"),
            }

    def _authorise(self, request: Request) -> None:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if shown == self.key:
            return
        row = self.db.execute("SELECT until FROM token WHERE text = ?", (shown,)).fetchone()
        if row is None or row["until"] < time.time():
            raise NotAllowed(_errors(401, "token", "unknown or expired token", None))

    def _token(self, request: Request) -> Response:
        pair = base64.b64encode(f"{self.client}:{self.client_secret}".encode()).decode("ascii")
        form = parse_qs(request.body.decode("ascii"))
        if request.headers.get("authorization") != f"Basic {pair}" or form.get("grant_type") != ["client_credentials"]:
            return Response(401, {"error": "invalid_client"})
        text = secrets.token_urlsafe(24)
        self.db.execute("INSERT INTO token VALUES (?, ?)", (text, time.time() + self.token_life))
        return Response(200, {"access_token": text, "token_type": "Bearer", "expires_in": int(self.token_life)})

    def _put_order(self, number: str, body: dict[str, Any]) -> Response:
        account = self.db.execute("SELECT blocked FROM account WHERE name = ?", (body["account"],)).fetchone()
        if account is not None and account["blocked"]:
            return _errors(422, "account_closed", f"the account {body['account']} is closed", "/account")
        self.db.execute(
            "INSERT INTO sales_order (order_number, account, status) VALUES (?, ?, 'new') "
            "ON CONFLICT (order_number) DO UPDATE SET account = excluded.account",
            (number, body["account"]),
        )
        return self._get_order(number)

    def _get_order(self, number: str) -> Response:
        row = self.db.execute("SELECT * FROM sales_order WHERE order_number = ?", (number,)).fetchone()
        return Response(200, dict(row)) if row else _errors(404, "unknown", f"no order {number}", None)

    def _add_update(self, number: str, body: dict[str, Any]) -> Response:
        if self._get_order(number).status == 404:
            return _errors(404, "unknown", f"no order {number}", None)
        self.db.execute("UPDATE sales_order SET status = ? WHERE order_number = ?", (body["status"], number))
        return self._add("update", number, body)

    def _add(self, kind: str, about: str | None, body: dict[str, Any]) -> Response:
        body = {**body, "at": dt.datetime.now(dt.UTC).isoformat()}
        row = self.db.execute(
            "INSERT INTO entry (kind, external_reference, about, body) VALUES (?, ?, ?, ?) RETURNING id",
            (kind, body.get("external_reference"), about, json.dumps(body)),
        ).fetchone()
        return Response(201, {"id": f"{kind}-{row['id']}", **body})

    def _entries(self, kind: str, about: str | None, request: Request) -> Response:
        found = self.db.execute(
            "SELECT * FROM entry WHERE kind = ? AND external_reference = ? AND (? IS NULL OR about = ?)",
            (kind, request.query["external_reference"], about, about),
        ).fetchall()
        return Response(200, {"data": [{"id": f"{kind}-{row['id']}", **json.loads(row["body"])} for row in found]})

    def _all(self, kind: str) -> list[dict[str, Any]]:
        rows = self.db.execute("SELECT * FROM entry WHERE kind = ?", (kind,)).fetchall()
        return [{"id": f"{kind}-{row['id']}", "about": row["about"], **json.loads(row["body"])} for row in rows]


def _errors(status: int, code: str, detail: str, pointer: str | None) -> Response:
    error = {"code": code, "detail": detail, **({"source": {"pointer": pointer}} if pointer else {})}
    return Response(status, {"errors": [error]})


def main() -> None:
    parser = options("crm")
    parser.description = __doc__
    parser.add_argument("--client", default="gateway", help="OAuth client id")
    parser.add_argument("--client-secret", default="crm-secret")
    parser.add_argument("--token-life", type=float, default=3600.0, help="seconds")
    arguments = parser.parse_args()
    run(Crm(arguments), "crm", arguments.port)


if __name__ == "__main__":
    main()
