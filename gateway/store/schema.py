"""Every table of the gateway.

Rules that hold for all of them:

- Ids are integers from our own sequences (ids.py). People see them with a letter: T-12 a transmission, D-90417 a
  document, E-7 an envelope, L-5 a delivery, W-1041 a work item.
- An instant is integer microseconds UTC by the database's clock; a calendar date never stands here.
- A lane ("production" or "test") is on every row that belongs to a message.
- A JSON column is text that holds JSON. A body is sealed (crypto.py), a key id beside it. PostgreSQL keeps one of up to
  8 KB in its row and compresses none: a migration says so, SQLAlchemy has no words for it.
- On SQLite a table that holds its key and nothing else is that key's tree (`sqlite_with_rowid=False`), not two.
- A row that is work carries the LEASE columns (lease.py). `stage` names the work that is owed and is NULL once the row
  is finished; `due_at` is NULL while nothing is owed to it by a machine.

`migrations/` builds exactly this; tests/store/test_migrations.py compares the two on both databases.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

# SQLite keeps a table in the order of its key only if the type is spelled INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
Instant = BigInteger

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SEQUENCES = (
    "payload",
    "transmission",
    "interchange",
    "functional_group",
    "document",
    "event",
    "timer",
    "delivery",
    "work_item",
    "api_key",
    "poll",
    "audit",
    "legal_hold",
)


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=False)


def _lease() -> list[Column[Any]]:
    """The columns that make a row a job; lease.py is the only file that writes them."""
    return [
        Column("stage", Text),
        Column("due_at", Instant),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("last_error", Text),
        Column("lease_owner", Text),
        Column("lease_fence", Integer, nullable=False, server_default="0"),
        Column("lease_until", Instant),
    ]


def _due(table: str, *columns: str) -> Index:
    """Due work is found through an index that holds nothing else, so finished rows cost nothing."""
    where = text("due_at IS NOT NULL")
    return Index(f"ix_{table}_due", "stage", *columns, "due_at", "id", postgresql_where=where, sqlite_where=where)


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, postgresql_where=text(where), sqlite_where=text(where))


# --- how ids are given out on SQLite; PostgreSQL has real sequences -------------------------------

id_counter = Table(
    "id_counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    info={"dialect": "sqlite"},
)

# --- bodies ---------------------------------------------------------------------------------------

payload = Table(
    "payload",
    metadata,
    _id(),
    Column("owner", Text, nullable=False),  # the partner or connection whose retention and holds apply
    Column("lane", Text, nullable=False),
    Column("sha256", Text, nullable=False),  # of the plaintext; "mic ..." of what a partner signed with it (AS2)
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text),
    Column("created_at", Instant, nullable=False),
    Column("purged_at", Instant),  # its chunks are gone; hash and size stay as evidence
    _partial("ix_payload_kept", "owner", "created_at", where="purged_at IS NULL"),
)

payload_chunk = Table(
    "payload_chunk",
    metadata,
    Column("payload_id", Id, primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("key_id", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

upload = Table(
    "upload",  # what a partner writes into an inbox of ours, by the name they gave it
    metadata,
    Column("connection", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("lane", Text, nullable=False),
    Column("status", Text, nullable=False),  # partial | held: whole, under a temporary name | received
    Column("payload_id", Id),  # partial: only its chunks are there; received: the transmission has it
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text),  # of the plaintext, once it is whole
    Column("writer", Text),  # partial: the session that writes it; another one that continues it takes over
    Column("transmission_id", Id),
    Column("touched_at", Instant, nullable=False),
    Index(None, "connection", "touched_at"),
)

canonical = Table(
    "canonical",
    metadata,
    Column("document_id", Id, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    _id(),
    Column("owner", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("released_at", Instant),
    Column("released_by", Text),
    _partial("ix_legal_hold_open", "owner", where="released_at IS NULL"),
)

# --- profiles and maps as published ---------------------------------------------------------------

revision = Table(
    "revision",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("published_by", Text, nullable=False),
)

active_revision = Table(
    "active_revision",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("active_from", Instant, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
)

# --- the road -------------------------------------------------------------------------------------

transmission = Table(
    "transmission",
    metadata,
    _id(),
    Column("direction", Text, nullable=False),  # in | out
    Column("connection", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("transport_id", Text, nullable=False),  # Message-ID, file identity, idempotency key
    Column("payload_id", Id),  # the documents; NULL where they could not be had from what came
    Column("wire_payload_id", Id),  # the message around them as it came, where that is evidence (AS2)
    Column("receipt_payload_id", Id),  # the receipt given for it (MDN): a repetition gets the same
    Column("size", BigInteger),
    Column("filename", Text),
    Column("media_type", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("remote", Text),  # address or login it came from
    Column("received_at", Instant, nullable=False),
    Column("resume_state", Text),  # JSON: where reading goes on after a crash
    *_lease(),
    _due("transmission"),
    UniqueConstraint("connection", "direction", "transport_id"),
    Index(None, "payload_id"),
)

interchange = Table(
    "interchange",
    metadata,
    _id(),
    Column("transmission_id", Id),
    Column("direction", Text, nullable=False),
    Column("standard", Text, nullable=False),
    Column("company", Text),
    Column("partner", Text),
    Column("lane", Text, nullable=False),
    Column("sender_qualifier", Text),
    Column("sender", Text),
    Column("receiver_qualifier", Text),
    Column("receiver", Text),
    Column("control_number", Text),
    Column("content_sha256", Text),
    Column("version", Text),
    Column("usage", Text),  # what the partner wrote: ISA15, UNB 0035
    Column("status", Text, nullable=False),
    Column("position", Integer),  # its place in the transmission, from 0
    Column("offset", BigInteger),
    Column("size", BigInteger),
    Column("findings", Text),  # JSON
    Column("received_at", Instant, nullable=False),
    Column("payload_id", Id),  # outbound: the final bytes
    Index(None, "transmission_id"),
    Index(None, "control_number", "partner", "lane"),
    Index(None, "content_sha256"),
)

functional_group = Table(
    "functional_group",
    metadata,
    _id(),
    Column("interchange_id", Id, nullable=False),
    Column("agreement", Text),
    Column("functional_id", Text, nullable=False),
    Column("sender", Text),
    Column("receiver", Text),
    Column("control_number", Text),
    Column("version", Text),
    Column("status", Text, nullable=False),
    Column("acknowledged_by", Id),  # the document (997, 999, CONTRL) that answered it
    Column("findings", Text),  # JSON
    Index(None, "interchange_id"),
    Index(None, "control_number", "functional_id"),
)

document = Table(
    "document",
    metadata,
    _id(),
    Column("direction", Text, nullable=False),
    Column("interchange_id", Id),
    Column("group_id", Id),
    Column("lane", Text, nullable=False),
    Column("company", Text),
    Column("partner", Text),
    Column("agreement", Text),
    Column("standard", Text),
    Column("set_id", Text),
    Column("version", Text),
    Column("control_number", Text),
    Column("part", Integer),  # which of several documents in one set; NULL where it is alone
    Column("place", Text),  # in a file without an envelope: rows, XPath or JSON pointer
    Column("payload_id", Id),
    Column("offset", BigInteger),
    Column("size", BigInteger),
    Column("segments", Integer),
    Column("status", Text, nullable=False),
    Column("released", Boolean, nullable=False, server_default=text("false")),  # false: staged, visible to nobody
    Column("kind", Text),  # canonical kind
    Column("business_key", Text),
    Column("gist", Text),  # JSON: what the road is to know of it once its interchange has ended; NULL when it knows
    Column("correlation_id", Text),
    Column("content_sha256", Text),
    Column("findings", Text),  # JSON
    Column("map_revision", Text),
    Column("profile_revision", Text),
    Column("code_version", Text),
    Column("answers_document_id", Id),
    Column("received_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("confirm_due_at", Instant),
    *_lease(),
    _due("document"),
    Index(None, "interchange_id"),
    Index(None, "payload_id"),
    Index(None, "business_key", "kind"),
    Index(None, "partner", "lane", "id"),
    Index(None, "correlation_id"),
    _partial("ix_document_answers", "answers_document_id", where="answers_document_id IS NOT NULL"),
    _partial("ix_document_unconfirmed", "confirm_due_at", where="confirm_due_at IS NOT NULL"),
)

# --- facts and what follows from them -------------------------------------------------------------

event = Table(
    "event",
    metadata,
    _id(),
    Column("type", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("lane", Text, nullable=False),
    Column("correlation_id", Text),
    Column("causation_id", Text),
    Column("document_id", Id),
    Column("keys", Text, nullable=False),  # JSON: [[kind, key], ...]
    Column("ids", Text, nullable=False),  # JSON: the same thing's id in every system
    Column("data", Text, nullable=False),  # JSON
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "correlation_id"),
    _partial("ix_event_document", "document_id", where="document_id IS NOT NULL"),
)

event_key = Table(
    "event_key",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("event_id", Id, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

flow = Table(
    "flow",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("partner", Text),
    Column("state", Text, nullable=False),  # JSON
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

timer = Table(
    "timer",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("partner", Text),
    Column("name", Text, nullable=False),
    *_lease(),
    _due("timer"),
    UniqueConstraint("kind", "key", "lane", "name"),
)

# --- what we owe ----------------------------------------------------------------------------------

ASTRAY = ("dead", "rejected", "skipped")
"""Deliveries that did not arrive: none on its way is among them, so finding them costs the road nothing."""

IS_ASTRAY = f"status IN {ASTRAY}"
"""A query that looks for one of these says this too, for the planner knows no other way that it may use their index."""

delivery = Table(
    "delivery",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),  # envelope | call | webhook | event
    Column("target", Text, nullable=False),  # a connection, system or endpoint; limits and breaker belong to it
    Column("lane", Text, nullable=False),
    Column("partner", Text),
    Column("ordering_key", Text),  # one unfinished head at a time a (target, ordering_key); NULL = no order
    Column("payload_id", Id),
    Column("body", Text),  # JSON
    Column("idempotency_key", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("deadline_at", Instant),
    Column("correlation_id", Text),
    Column("causation_id", Text),
    Column("result", Text),  # JSON
    Column("created_at", Instant, nullable=False),
    Column("blocked_by", Id),  # parked behind this delivery of the same key; set and cleared by lease.py
    *_lease(),
    _due("delivery", "target"),
    _partial("ix_delivery_key", "target", "ordering_key", "id", where="stage IS NOT NULL AND ordering_key IS NOT NULL"),
    _partial("ix_delivery_blocked_by", "blocked_by", where="blocked_by IS NOT NULL"),
    _partial("ix_delivery_leased", "target", "lease_until", where="lease_until IS NOT NULL"),
    _partial("ix_delivery_astray", "lane", "status", "id", where=IS_ASTRAY),
    _partial("ix_delivery_payload_id", "payload_id", where="payload_id IS NOT NULL"),
    UniqueConstraint("target", "idempotency_key"),
    Index(None, "correlation_id"),
)

as2_message = Table(
    "as2_message",
    metadata,
    Column("delivery_id", Id, primary_key=True, autoincrement=False),
    Column("connection", Text, nullable=False),
    Column("message_id", Text, nullable=False),  # the same on every try; receipts are matched by connection and this
    Column("lane", Text, nullable=False),
    Column("our_as2_name", Text, nullable=False),
    Column("their_as2_name", Text, nullable=False),
    Column("mics", Text, nullable=False),  # JSON: digest -> base64, of every digest a receipt may name
    Column("receipt_signed", Boolean, nullable=False),  # a receipt counts only if it is signed
    Column("payload_id", Id, nullable=False),  # header lines and body, as every try sends them
    Column("made_at", Instant, nullable=False),
    Column("sendings", Integer, nullable=False, server_default="0"),  # taken by their server, the receipt still owed
    Column("standing", Text),  # what its receipt says: acknowledged | refused | unproven
    Column("said", Text),  # the same in words
    Column("receipt_payload_id", Id),  # the receipt that says so
    Column("judged_at", Instant),
    UniqueConstraint("connection", "message_id"),
    Index(None, "message_id"),
    Index(None, "payload_id"),
)

delivery_document = Table(
    "delivery_document",
    metadata,
    Column("delivery_id", Id, primary_key=True, autoincrement=False),
    Column("document_id", Id, primary_key=True, autoincrement=False),
    Index(None, "document_id"),
    sqlite_with_rowid=False,
)

delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("delivery_id", Id, primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),  # NULL long after the start: nobody knows how it ended
    Column("outcome", Text),
    Column("detail", Text),
    Column("request_id", Text),
)

target_state = Table(
    "target_state",
    metadata,
    Column("target", Text, primary_key=True),  # a target belongs to one lane, so its state needs none
    Column("breaker", Text, nullable=False, server_default="closed"),  # closed | open | half-open
    Column("opened_at", Instant),
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row, since the last success
    Column("tokens", BigInteger, nullable=False, server_default="0"),  # millionths of a call
    Column("refilled_at", Instant),
)

control_number = Table(
    "control_number",
    metadata,
    Column("company", Text, primary_key=True),
    Column("partner", Text, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),  # the last one given out
)

poll = Table(
    "poll",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("cursor", Text),
    *_lease(),
    _due("poll"),
    UniqueConstraint("name", "lane"),
)

# --- people ---------------------------------------------------------------------------------------

work_item = Table(
    "work_item",
    metadata,
    _id(),
    Column("lane", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("where_", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("what_to_do", Text, nullable=False),
    Column("lost_at", Instant),  # the moment from which something is lost
    Column("owner", Text),
    Column("status", Text, nullable=False),  # open | settled
    Column("subject", Text),  # table name ...
    Column("subject_id", Id),  # ... and id of the row it is about
    Column("partner", Text),
    Column("correlation_id", Text),
    Column("opened_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("settled_by", Text),
    Column("data", Text),  # JSON
    Column("dedupe_key", Text),
    _partial("uq_work_item_open", "lane", "dedupe_key", where="settled_at IS NULL", unique=True),
    Index(None, "subject", "subject_id"),
    Index(None, "correlation_id"),
    Index(None, "status", "lost_at"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", Text, nullable=False),
    Column("status", Integer),  # NULL while the first request is still under way
    Column("response", Text),
    Column("created_at", Instant, nullable=False),
    Index(None, "created_at"),
)

api_key = Table(
    "api_key",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),  # JSON list
    Column("lane", Text, nullable=False),
    Column("partner", Text),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text),
    Column("detail", Text),  # JSON
    Index(None, "at"),
)

LEASED = {table.name: table for table in (transmission, document, timer, delivery, poll)}
