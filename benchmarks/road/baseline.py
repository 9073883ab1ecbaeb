"""The peer: what a good Python programmer writes in a day with FastAPI and SQLAlchemy.

`POST /orders` takes one X12 850. Before it answers 202 it stores the raw document, parses it, maps it to a JSON order,
stores order and lines, and commits. The same interchange again (sender, control number) gets 200 and the first answer.
It validates nothing, acknowledges nothing and owes nobody anything; what we do beyond it is our price to pay.

BASELINE_DATABASE is a SQLAlchemy URL (SQLite in WAL with synchronous=FULL, or PostgreSQL), BASELINE_POOL the number of
connections. Endpoints are synchronous in FastAPI's threads, the ordinary way with SQLAlchemy.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy import ForeignKey, LargeBinary, Text, UniqueConstraint, create_engine, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    """The tables."""


class Document(Base):
    """What came, as it came."""

    __tablename__ = "document"
    __table_args__ = (UniqueConstraint("sender", "control"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sender: Mapped[str]
    control: Mapped[str]
    sha256: Mapped[str]
    received: Mapped[dt.datetime]
    raw: Mapped[bytes] = mapped_column(LargeBinary)


class Order(Base):
    """The order in it."""

    __tablename__ = "purchase_order"
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), index=True)
    number: Mapped[str] = mapped_column(index=True)
    body: Mapped[str] = mapped_column(Text)
    lines: Mapped[list[Line]] = relationship(back_populates="order")


class Line(Base):
    """One line of an order."""

    __tablename__ = "order_line"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("purchase_order.id"), index=True)
    number: Mapped[str]
    quantity: Mapped[str]
    price: Mapped[str]
    sku: Mapped[str]
    order: Mapped[Order] = relationship(back_populates="lines")


URL = os.environ.get("BASELINE_DATABASE", "sqlite:///baseline.db")
engine = create_engine(URL, pool_size=int(os.environ.get("BASELINE_POOL", "16")), max_overflow=0)

if URL.startswith("sqlite"):

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
            connection.execute("PRAGMA " + pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


Base.metadata.create_all(engine)


def segments(data: bytes) -> list[list[str]]:
    """The rows of an interchange."""
    text = data.decode("latin-1")
    if not text.startswith("ISA") or len(text) < 106:
        raise ValueError("not X12")
    return [segment.strip("\r\n").split(text[3]) for segment in text.split(text[105]) if segment.strip()]


def to_order(rows: list[list[str]]) -> dict[str, Any]:
    """The order in them."""
    order: dict[str, Any] = {"party": [], "line": []}
    for row in rows:

        def element(n: int, row: list[str] = row) -> str:
            return row[n] if n < len(row) else ""

        match row[0]:
            case "BEG":
                order.update(kind=element(2), number=element(3), date=element(5))
            case "CUR":
                order["currency"] = element(2)
            case "N1":
                order["party"].append({"role": element(1), "name": element(2), "id": element(4)})
            case "N3" if order["party"]:
                order["party"][-1]["street"] = element(1)
            case "N4" if order["party"]:
                order["party"][-1]["city"] = element(1)
            case "PO1":
                order["line"].append(
                    {
                        "number": element(1),
                        "quantity": element(2),
                        "unit": element(3),
                        "price": element(4),
                        "upc": element(7),
                        "sku": element(9),
                    }
                )
            case "PID" if order["line"]:
                order["line"][-1]["text"] = element(5)
    if "number" not in order:
        raise ValueError("no BEG segment")
    return order


def accept(data: bytes) -> tuple[int, dict[str, Any]]:
    """Store it; the status and body of the answer."""
    try:
        rows = segments(data)
        order = to_order(rows)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    sender, control = rows[0][6].strip(), rows[0][13]
    with Session(engine) as session:
        try:
            now, digest = dt.datetime.now(dt.UTC), hashlib.sha256(data).hexdigest()
            document = Document(sender=sender, control=control, sha256=digest, received=now, raw=data)
            session.add(document)
            session.flush()
            stored = Order(document_id=document.id, number=order["number"], body=json.dumps(order))
            stored.lines = [
                Line(number=line["number"], quantity=line["quantity"], price=line["price"], sku=line["sku"])
                for line in order["line"]
            ]
            session.add(stored)
            session.commit()
        except IntegrityError:
            session.rollback()
            first = session.query(Document).filter_by(sender=sender, control=control).one()
            return 200, {"document": first.id, "duplicate": True}
        return 202, {"document": document.id, "order": stored.number}


app = FastAPI()


@app.post("/orders", status_code=202)
async def post(request: Request) -> JSONResponse:
    """Take an order."""
    status, body = await run_in_threadpool(accept, await request.body())
    return JSONResponse(body, status)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """It lives."""
    return {"status": "alive"}
