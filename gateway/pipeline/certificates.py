"""Certificates that run out: one work item each, renewed at 60, 30, 14, 7 and 1 days and when it has ended.

An item is for who must act. A certificate whose successor is loaded needs nobody, so its item settles by itself; one
that a person settled stays settled until the next of these days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import exists, select

from gateway.as2.identity import Certificate, Expiry, UnusableCertificate, expiring
from gateway.channels.as2_settings import As2Settings
from gateway.channels.table import settings_of
from gateway.partners.book import Book
from gateway.partners.connection import Connection
from gateway.partners.secrets import SecretMissing
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.store import work_items
from gateway.store.engine import Store, Tx
from gateway.store.schema import delivery, transmission, work_item

OURS, THEIRS, UNUSABLE = "our-certificate-runs-out", "certificate-runs-out", "certificates-unusable"
WE = "the gateway"
"""Who settles an item whose cause is gone."""


@dataclass(slots=True)
class Held:
    """The certificates of one side of a connection, those that are to follow one another."""

    connection: Connection
    ours: bool
    certificates: tuple[Certificate, ...]


@dataclass(slots=True)
class _RunsOut:
    """One certificate that nobody has replaced, and where it is used."""

    expiry: Expiry
    ours: bool
    connections: list[Connection] = field(default_factory=list)


def held(book: Book, resolve: Callable[[str], str]) -> tuple[list[Held], dict[str, str]]:
    """Every certificate in the profiles, read anew; and by connection, why those of some cannot be read."""
    found, unusable = [], {}
    for connection in book.connections.values():
        if connection.kind != "as2":
            continue
        settings = settings_of("as2", connection.settings)
        assert isinstance(settings, As2Settings)
        try:
            agreed = settings.partnership(resolve)
        except (SecretMissing, UnusableCertificate) as error:
            unusable[connection.name] = str(error)
            continue
        found.append(Held(connection, True, agreed.our.certificates))
        found.append(Held(connection, False, agreed.their.certificates))
    return found, unusable


def look(store: Store, book: Book, resolve: Callable[[str], str]) -> None:
    """Open, renew and settle the items of certificates by the database's clock."""
    everything, unusable = held(book, resolve)
    with store.begin() as tx:
        now = datetime.fromtimestamp(tx.now / 1_000_000, UTC)
        wanted = {alert.dedupe_key: alert for alert in _alerts(everything, now)}
        told = {name: why for name, why in unusable.items() if _is_in_use(tx, book.connections[name], resolve)}
        wanted |= {alert.dedupe_key: alert for alert in _cannot_be_read(book, told)}
        _settle(tx, wanted)
        raise_alerts(tx, [alert for alert in wanted.values() if not _was_settled(tx, alert)])


def _alerts(everything: Iterable[Held], now: datetime) -> Iterable[Alert]:
    found: dict[tuple[bool, str], _RunsOut] = {}
    for side in everything:
        for expiry in expiring(side.certificates, now):
            if expiry.successor is None:
                name = (side.ours, expiry.certificate.fingerprint)
                found.setdefault(name, _RunsOut(expiry, side.ours)).connections.append(side.connection)
    for one in found.values():
        certificate, wires = one.expiry.certificate, one.connections
        names = sorted(wire.name for wire in wires)
        yield Alert(
            OURS if one.ours else THEIRS,
            "production" if any(wire.lane == "production" for wire in wires) else "test",
            f"certificate:{certificate.fingerprint}:{one.expiry.threshold}",
            {
                "subject": certificate.subject,
                "fingerprint": certificate.fingerprint,
                "when": _when(one.expiry),
                "connections": ", ".join(names),
                "connection": names[0],
                "partners": ", ".join(sorted({wire.owner for wire in wires})),
            },
            f"Certificate {certificate.fingerprint}",
            partner=None if one.ours else wires[0].owner,
            lost_at=int(certificate.use_until.timestamp() * 1_000_000),
        )


def _when(expiry: Expiry) -> str:
    day = f"{expiry.certificate.use_until:%Y-%m-%d}"
    if expiry.threshold == 0:
        return f"ended on {day}"
    return f"ends on {day}, in {expiry.threshold} {'day' if expiry.threshold == 1 else 'days'} or less"


def _is_in_use(tx: Tx, connection: Connection, resolve: Callable[[str], str]) -> bool:
    """Whether anybody began with this connection: one of its secrets stands here, or something passed over it.

    A profile that was only copied, an example among them, is no fault of anybody's until then.
    """
    settings = settings_of("as2", connection.settings)
    assert isinstance(settings, As2Settings)
    named = [one.certificate for one in (*settings.our_certificates, *settings.their_certificates)]
    for reference in (*named, *(one.key for one in settings.our_certificates)):
        with suppress(SecretMissing):
            resolve(reference)
            return True
    passed = exists().where(transmission.c.connection == connection.name)
    owed = exists().where(delivery.c.target == connection.name)
    return bool(tx.scalar(select(passed | owed)))


def _cannot_be_read(book: Book, unusable: Mapping[str, str]) -> Iterable[Alert]:
    for name, reason in unusable.items():
        said = book.connections[name]
        yield Alert(
            UNUSABLE,
            said.lane,
            f"certificates:{name}:{reason}",
            {"connection": name, "reason": reason},
            f"Connection {name}",
            partner=said.owner,
        )


def _settle(tx: Tx, wanted: Mapping[str | None, Alert]) -> None:
    """What is open and not so any more: a successor is loaded, or a later day has come."""
    codes = (OURS, THEIRS, UNUSABLE)
    is_open = tx.all(select(work_item).where(work_item.c.code.in_(codes), work_item.c.settled_at.is_(None)))
    work_items.settle(tx, [row.id for row in is_open if row.dedupe_key not in wanted], WE)


def _was_settled(tx: Tx, alert: Alert) -> bool:
    """Whether a person has settled this very warning."""
    same = select(work_item.c.id).where(
        work_item.c.dedupe_key == alert.dedupe_key,
        work_item.c.lane == alert.lane,
        work_item.c.settled_at.is_not(None),
        work_item.c.settled_by != WE,
    )
    return tx.first(same) is not None
