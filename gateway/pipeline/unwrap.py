"""unwrap: one job per transmission. Reads its interchanges and hands over their documents in portions.

Theory of operation (docs/decisions/interchange-job.md). `unwrap` reads the stored bytes in portions of some 400
documents; release.py stores each in one commit. Portions wait in memory until the trailer of their interchange was
read; then each is stored with all that follows from it, and the last one with the acknowledgements. The documents of
an interchange too large for that are staged: stored with `released` false, which no other query looks at. The portion
in which it closes decides what becomes of all of them, in that one commit, together with the acknowledgements.

Rules a reviewer can hold both files to:
  * Nothing of an interchange is released before its trailer is read.
  * Every portion says where reading goes on; a worker killed between two portions repeats none of their documents.
  * What a group's sender is told depends only on what was read, never on what happens to the documents later.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import func, select, update

from gateway.formats.detect import SNIFF, Format, detect
from gateway.formats.finding import FormatError, Severity
from gateway.formats.x12.acknowledge import SetOutcome
from gateway.formats.x12.answers import ANSWERING
from gateway.formats.x12.frames import (
    Acknowledged,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeOpened,
    SetFramed,
    Skipped,
)
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.guide import Guide
from gateway.formats.x12.report import together
from gateway.formats.x12.separators import Separators
from gateway.formats.x12.splitting import set_of
from gateway.formats.x12.tolerance import STANDARD
from gateway.lifecycle import InterchangeStatus, TransmissionStatus
from gateway.pipeline import files, release, skipped
from gateway.pipeline.alert import Alert
from gateway.pipeline.house import House
from gateway.pipeline.staging import Group, Interchange, Line, Portion, Staged, Terms, Turn, as_json, findings_of
from gateway.pipeline.translate import Carried, NotCarried, carry
from gateway.store import lease, payloads
from gateway.store.schema import document, functional_group, interchange, transmission

log = logging.getLogger(__name__)

PORTION = 400  # documents, or interchanges, a commit: the write lock is held for some 80 ms
HELD = 25
"""Portions that wait in memory for the trailer of their interchange, some 60 MB; a larger interchange is staged."""


class LeaseLost(Exception):
    """Another worker reads this transmission now; it goes on where our last portion ended."""


def unwrap(house: House, rows: Sequence[Any]) -> list[Portion]:
    """Read transmissions; returns the last portion of each, for release.py to store with the others of the batch.

    Portions before the last are stored here, each in a commit of its own that also says where reading goes on.
    """
    reading = _Reading(house, rows)
    return [_to_the_end(house, row, reading) for row in rows]


def _to_the_end(house: House, row: Any, reading: _Reading) -> Portion:
    held: list[Portion] = []
    for portion in reading.read(row):
        held.append(portion)
        if len(held) > HELD or portion.turn is None or not _may_end_soon(portion.turn.open):
            _store(house, row, held)
    _store(house, row, held)
    return reading.last_portion()


def _may_end_soon(current: Interchange | None) -> bool:
    """Whether it is worth to wait for its trailer: what is judged when it is stored needs no staging."""
    return current is not None and not current.closed and not current.staged and not current.agreement


def _store(house: House, row: Any, held: list[Portion]) -> None:
    for portion in held:
        with house.store.begin() as tx:
            if not lease.hold(tx, transmission, [row]):
                raise LeaseLost(f"T-{row.id}")
            state = json.dumps(release.store(tx, house, portion))
            # What got on is none of the tries in vain after which it is given up.
            mine = update(transmission).where(transmission.c.id == row.id)
            tx.execute(mine.values(resume_state=state, attempts=0))
    held.clear()


class _Reading:
    """Frames to portions."""

    def __init__(self, house: House, rows: Sequence[Any]) -> None:
        self.house = house
        self.book = house.book()
        small = [(row.payload_id, 0, row.size) for row in rows if row.size <= payloads.CHUNK]
        self.small = dict(zip((part[0] for part in small), payloads.cut(house.store, small), strict=True))
        self.portion = Portion()
        self.current: Interchange | None = None
        self.group: Group | None = None
        self.row: Any = None
        self.line = Line()
        self.found = False  # an interchange in this transmission

    def read(self, row: Any) -> Iterator[Portion]:
        """One transmission; yields every portion that is full before its end."""
        self.row, self.current, self.group, self.portion = row, None, None, Portion()
        state = json.loads(row.resume_state) if row.resume_state else None
        self.found = state is not None
        self.line = Line(queued=state is not None and state.get("queued", False))
        if state is None or "documents" in state["reader"]:
            start = next(self._chunks(row), b"")
            if not files.enveloped(start):
                yield from self._file(start, state)
                return
        if state is not None:
            self._resume(state["interchange"])
        offset = state["reader"]["offset"] if state else 0
        chunks = [self.small[row.payload_id]] if row.payload_id in self.small and not offset else None
        frames = Reader(
            chunks or payloads.stream(self.house.store, row.payload_id, offset=offset),
            state=state["reader"] if state else None,
        )
        try:
            for frame in frames:
                self._frame(frame)
                if len(self.portion.documents) + len(self.portion.interchanges) > PORTION:
                    yield self._turn(frames.state())
        except FormatError as error:
            if not self.portion.alerts:  # nothing that could be named
                self._unreadable(str(error))
                return
        values = {"status": TransmissionStatus.DONE, "resume_state": None}
        if not self.found:
            values |= {"status": TransmissionStatus.QUARANTINED, "reason": self.portion.alerts[-1].data["reason"]}
        self.portion.finished.append((row, values))

    def _chunks(self, row: Any) -> Iterator[bytes]:
        small = self.small.get(row.payload_id)
        return iter([small]) if small is not None else payloads.stream(self.house.store, row.payload_id)

    def _file(self, start: bytes, state: dict[str, Any] | None) -> Iterator[Portion]:
        """A transmission without an envelope (files.py)."""
        row = self.row
        found = self.book.by_file(row.connection, row.filename, start[:SNIFF], row.media_type)
        if found.agreement is None:
            if not found.closest and detect(start[:SNIFF]).format is Format.UNKNOWN:
                self._unreadable("it is no document we know")
                return
            alert = files.no_agreement(row, start, found.closest)
            self.portion.alerts.append(alert)
            values = {"status": TransmissionStatus.QUARANTINED, "reason": "no agreement names it", "resume_state": None}
            self.portion.finished.append((row, values))
            return
        file = files.FileReading(self.book, row, found.agreement, PORTION)
        if state is not None:
            with self.house.store.read() as view:
                file.resume(view, state)
        yield from file.portions(self._chunks(row))
        self.portion = file.portion

    def last_portion(self) -> Portion:
        """What was read since the last full portion, to the transmission's end."""
        return self.portion

    def _turn(self, reader: dict[str, Any]) -> Portion:
        """This portion is full: what is open goes on in the next one."""
        full, self.portion = self.portion, Portion()
        if self.current is not None:
            self.portion.interchanges.append(self.current)
        full.turn = Turn.at(reader, self.current, self.line)
        return full

    def _resume(self, interchange_id: int | None) -> None:
        """After a crash: the open interchange and its groups as they were stored."""
        if interchange_id is None:
            return
        with self.house.store.read() as view:
            stored = view.get(interchange, interchange_id)
            groups = view.all(
                select(functional_group)
                .where(functional_group.c.interchange_id == interchange_id)
                .order_by(functional_group.c.id)
            )
            sets = view.all(
                select(
                    document.c.group_id,
                    document.c.set_id,
                    document.c.control_number,
                    document.c.findings,
                    document.c.content_sha256,
                    document.c.part,
                    document.c.payload_id,
                    document.c.offset,
                    document.c.size,
                )
                .where(document.c.interchange_id == interchange_id, func.coalesce(document.c.part, 1) == 1)
                .order_by(document.c.id)
            )
        if stored is None:
            raise LookupError(f"interchange {interchange_id} is gone")
        kept = json.loads(stored.findings)
        self.line.queued = True
        self.current = Interchange(
            self.row,
            {column.name: getattr(stored, column.name) for column in interchange.c},
            kept["isa"],
            Separators(**kept["separators"]),
            id=stored.id,
            findings=findings_of(kept["findings"]),
            status=InterchangeStatus(stored.status),
            aside=Alert(**kept["aside"]) if kept["aside"] else None,
            staged=True,
            waiting=True,
            line=self.line,
        )
        self.current.digest = hashlib.sha256()
        by_group: dict[int, list[SetOutcome]] = {}
        for row in sets:
            content = row.content_sha256
            if row.part is not None:  # one of several: its own hash is not the set's
                (data,) = payloads.cut(self.house.store, [(row.payload_id, row.offset, row.size)])
                _, text = set_of(data, self.current.separators)
                content = hashlib.sha256(_content(text, self.current.separators.segment)).hexdigest()
            self.current.digest.update(content.encode())
            result = SetOutcome(row.set_id, row.control_number, tuple(findings_of(json.loads(row.findings or "[]"))))
            by_group.setdefault(row.group_id, []).append(result)
        for row in groups:
            kept = json.loads(row.findings)
            values = {column.name: getattr(row, column.name) for column in functional_group.c}
            group = Group(
                values,
                kept["gs"],
                id=row.id,
                closed=kept["closed"],
                counted=kept["counted"],
                staged=True,
                findings=findings_of(kept["findings"]),
                sets=by_group.get(row.id, []),
            )
            self.current.groups.append(group)
            self.group = None if group.closed else group
        self.portion.interchanges.append(self.current)

    def _frame(self, frame: Any) -> None:
        match frame:
            case SetFramed():
                self._set(frame)
            case InterchangeOpened():
                self._open(frame)
            case GroupOpened():
                self._open_group(frame)
            case GroupClosed():
                if self.group is not None:
                    self.group.counted, self.group.closed = frame.counted, True
                    self.group.findings += frame.findings
                self.group = None
            case InterchangeClosed():
                self._close(frame)
            case Acknowledged():
                if self.current is not None:
                    self.portion.answers.append((self.current, frame.ta1))
            case Skipped():
                self.portion.alerts += skipped.alerts(self.row, frame)

    def _open(self, frame: InterchangeOpened) -> None:
        self.found = True
        isa = [element.strip() for element in frame.isa]
        values = {
            "transmission_id": self.row.id,
            "direction": "in",
            "standard": "x12",
            "company": None,
            "partner": None,
            "lane": self.row.lane,
            "sender_qualifier": isa[5],
            "sender": isa[6],
            "receiver_qualifier": isa[7],
            "receiver": isa[8],
            "control_number": isa[13],
            "content_sha256": None,
            "version": isa[12],
            "usage": isa[15],
            "position": None,
            "offset": frame.offset,
            "size": None,
            "payload_id": self.row.payload_id,
        }
        self.current = Interchange(
            self.row, values, isa, frame.separators, findings=list(frame.findings), line=self.line
        )
        self.current.digest = hashlib.sha256()
        self.portion.interchanges.append(self.current)
        self._who(self.current)

    def _who(self, current: Interchange) -> None:
        """Partner and company of the envelope; a wrong lane or a sender this connection does not know is set aside."""
        values, row = current.values, self.row
        sender = (values["sender_qualifier"], values["sender"])
        receiver = (values["receiver_qualifier"], values["receiver"])
        parties = self.book.parties(row.connection, sender, receiver, row.lane)
        values["company"], values["partner"] = parties.company, parties.partner
        test = values["usage"] == "T"
        if parties.partner is None:
            self._set_aside(
                "sender-not-allowed", sender=values["sender"], connection=row.connection, closest=parties.closest
            )
        elif test != (row.lane == "test"):
            self._set_aside("wrong-lane", usage="test" if test else "production", lane=row.lane)

    def _set_aside(self, code: str, **data: Any) -> None:
        current = self.current
        assert current is not None
        if current.aside is None:
            number = current.values["control_number"]
            current.aside = Alert(
                code,
                self.row.lane,
                f"transmission:{self.row.id}:{current.values['offset']}:{code}",
                {"control_number": number, **data},
                f"Interchange {number}",
                ("transmission", self.row.id),
                current.values["partner"],
            )

    def _open_group(self, frame: GroupOpened) -> None:
        current = self.current
        assert current is not None
        gs = [element.strip() for element in frame.gs] + [""] * (9 - len(frame.gs))
        values = {
            "agreement": None,
            "functional_id": gs[1],
            "sender": gs[2],
            "receiver": gs[3],
            "control_number": gs[6],
            "version": gs[8],
            "acknowledged_by": None,
        }
        self.group = Group(values, gs, findings=list(frame.findings))
        current.groups.append(self.group)

    def _set(self, frame: SetFramed) -> None:
        current, group = self.current, self.group
        assert current is not None
        if group is None:
            return
        set_id = frame.set_id
        terms = group.terms.get(set_id) or self._terms(current, group, set_id)
        findings = frame.findings + terms.approximated
        positions: Sequence[int] = ()
        if terms.guide is not None:
            checked = terms.guide.check(frame.rows, current.separators, terms.tolerate, frame.text)
            positions = checked.positions
            if checked.findings:
                findings = together(findings, checked.findings)
        rejected = any(f.severity is Severity.REJECTS for f in findings) if findings else False
        content = hashlib.sha256(_content(frame.text, current.separators.segment)).hexdigest()
        current.digest.update(content.encode())
        group.sets.append(SetOutcome(set_id, frame.control_number, findings))
        values = {
            **terms.columns,
            "control_number": frame.control_number,
            "offset": frame.offset,
            "size": frame.size,
            "segments": len(frame.rows),
            "content_sha256": content,
            "findings": as_json(findings) if findings else None,
            "rejected": rejected,
        }
        carried = [] if rejected else self._carry(frame, terms, positions)
        if len(carried) < 2:
            self.portion.documents.append(Staged(current, group, values, carried[0] if carried else None))
            return
        for part, one in enumerate(carried, 1):  # several documents in one set: each goes its own way
            own = {**values, "part": part, "content_sha256": one.content_sha256}
            self.portion.documents.append(Staged(current, group, own, one))

    def _carry(self, frame: SetFramed, terms: Terms, positions: Sequence[int]) -> list[Carried]:
        """What the map makes of a set that is in our hands anyway; nothing leaves it to the stage `translate`.

        So does everything that goes wrong: a document that fails must not hold up its interchange, nor may one
        that made a commit fail the first time do so again.
        """
        current, agreement = self.current, terms.agreement
        if agreement is None or agreement.map is None or current is None or current.aside or self.row.attempts > 1:
            return []
        try:
            end = carry(
                self.book, agreement, agreement.map, frame.rows, current.separators, placed=(terms.guide, positions)
            )
        except Exception:
            log.warning("T-%s, set %s: its map failed", self.row.id, frame.control_number, exc_info=True)
            return []
        return [] if isinstance(end, NotCarried) else end

    def _terms(self, current: Interchange, group: Group, set_id: str) -> Terms:
        """On what terms this set came."""
        values, row = current.values, self.row
        found = self.book.find(
            sender=(values["sender_qualifier"], values["sender"]),
            receiver=(values["receiver_qualifier"], values["receiver"]),
            functional_id=group.gs[1],
            release=group.gs[8],
            set_id=set_id,
            lane=row.lane,
            connection=row.connection,
        )
        agreement = found.agreement
        if agreement is not None and group.values["agreement"] is None:
            group.values["agreement"] = agreement.name
        elif agreement is None and set_id not in ANSWERING and current.aside is None and any(group.gs):
            self.portion.alerts.append(
                Alert(
                    "no-agreement",
                    row.lane,
                    f"transmission:{row.id}:{values['offset']}:no-agreement:{set_id}",
                    {"set_id": set_id, "closest": found.closest or ""},
                    f"Interchange {values['control_number']}, group {group.gs[6]}",
                    ("transmission", row.id),
                    values["partner"],
                )
            )
        tolerate = agreement.tolerance if agreement else STANDARD
        guide, approximated = Guide.nearest(group.gs[8], set_id, tolerate)
        if guide is not None and agreement is not None:
            guide = agreement.narrowed(guide)
        columns = {
            "direction": "in",
            "lane": row.lane,
            "company": values["company"],
            "partner": values["partner"],
            "agreement": agreement.name if agreement else None,
            "standard": "x12",
            "set_id": set_id,
            "version": group.gs[8],
            "part": None,
            "place": None,
            "payload_id": row.payload_id,
        }
        terms = Terms(agreement, guide, (approximated,) if approximated else (), tolerate, columns)
        group.terms[set_id] = terms
        return terms

    def _close(self, frame: InterchangeClosed) -> None:
        current = self.current
        assert current is not None
        current.closed, current.truncated = True, frame.truncated
        current.findings += frame.findings
        current.values["content_sha256"] = current.digest.hexdigest()
        if frame.truncated:
            self._set_aside("interchange-cut-off")
        self.current = self.group = None

    def _unreadable(self, reason: str) -> None:
        row = self.row
        alert = Alert(
            "file-unreadable",
            row.lane,
            f"transmission:{row.id}:unreadable",
            {"partner": f"connection {row.connection}", "reason": reason},
            f"Transmission T-{row.id}" + (f", {row.filename}" if row.filename else ""),
            ("transmission", row.id),
        )
        self.portion.alerts.append(alert)
        values = {"status": TransmissionStatus.QUARANTINED, "reason": reason, "resume_state": None}
        self.portion.finished.append((row, values))


def _content(text: str, terminator: str) -> bytes:
    """What a set says, without ST and SE: their numbers differ when the same document is sent again."""
    return text[text.find(terminator) + 1 : max(text.rfind(terminator), 0)].encode()
