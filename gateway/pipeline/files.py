"""files: a CSV, fixed-width, XML or JSON file, read as an interchange of its own.

The map cuts the file into its documents while it is read; each is mapped at once and becomes a row with its place in
the file. A document that cannot be used is refused with findings and stands alone: the others go on, or none of them
(`refuse: file`). What makes the file itself untrustworthy (it breaks off, a trailer counts otherwise) lets nothing of
it go on: the trailer of such a file is its end.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from gateway.canonical.file_acknowledgement import AcknowledgedDocument, FileAcknowledgement
from gateway.canonical.values import Moment
from gateway.formats.detect import SNIFF, Format, detect
from gateway.formats.finding import Finding
from gateway.formats.words import message_and_remedy
from gateway.formats.x12.separators import Separators
from gateway.lifecycle import DocumentStatus, InterchangeStatus, TransmissionStatus
from gateway.mapping import Map, MapError
from gateway.mapping.own import Own
from gateway.mapping.text import Part
from gateway.partners.agreement import Agreement
from gateway.partners.book import Book
from gateway.pipeline import compose, translate
from gateway.pipeline.again import RUN_AGAIN
from gateway.pipeline.alert import Alert
from gateway.pipeline.situations import spoken
from gateway.pipeline.staging import Interchange, Portion, Staged, Turn, as_json, findings_of
from gateway.store.engine import Tx, View
from gateway.store.schema import document, interchange

log = logging.getLogger(__name__)

NO_SEPARATORS = Separators("", None, "", "")  # a file has none
MOST_FINDINGS = 50  # of one document; a file in the wrong encoding has one in every row
MOST_TOLD = 10_000  # documents an acknowledgement names
ACCEPTED = (DocumentStatus.DONE, DocumentStatus.VALID)
ENVELOPED = frozenset({Format.X12, Format.EDIFACT})


def enveloped(start: bytes) -> bool:
    """Whether a transmission says for itself what it is, and to whom it goes."""
    return start[:3] == b"ISA" or detect(start[:SNIFF]).format in ENVELOPED


class FileReading:
    """One file to portions."""

    def __init__(self, book: Book, row: Any, agreement: Agreement, size: int) -> None:
        self.book, self.row, self.agreement, self.portion_size = book, row, agreement, size
        self.chart: Map | Own = book.file_chart(agreement)
        self.portion = Portion()
        self._digest = hashlib.sha256()
        self._read = self._refused = 0
        self.current = Interchange(row, self._values(), [], NO_SEPARATORS, agreement=agreement.name)

    def resume(self, view: View, state: dict[str, Any]) -> None:
        """After a crash: what is stored already is passed over, not read from the middle."""
        self._read, self._refused = state["reader"]["documents"], state["reader"]["refused"]
        stored = view.get(interchange, state["interchange"])
        if stored is None:
            raise LookupError(f"interchange {state['interchange']} is gone")
        kept = json.loads(stored.findings)
        self.current.id, self.current.head = stored.id, kept["head"]
        self.current.staged = self.current.waiting = True
        self.current.findings = findings_of(kept["findings"])

    def _values(self) -> dict[str, Any]:
        row, agreement = self.row, self.agreement
        return {
            "transmission_id": row.id,
            "direction": "in",
            "standard": agreement.document.standard,
            "company": agreement.company,
            "partner": agreement.partner,
            "lane": row.lane,
            "sender_qualifier": None,
            "sender": agreement.partner,
            "receiver_qualifier": None,
            "receiver": agreement.company,
            "control_number": name_of(row),
            "content_sha256": None,
            "version": None,
            "usage": None,
            "position": 0,
            "offset": 0,
            "size": row.size,
            "payload_id": row.payload_id,
        }

    def portions(self, chunks: Iterable[bytes]) -> Iterator[Portion]:
        """Every portion that is full before the end; `portion` is the last."""
        self.portion.interchanges.append(self.current)
        known = self._read
        try:
            for part in self.chart.parts(self._hashed(chunks)):
                if part.number <= known:
                    continue
                self.current.head = part.head
                self.portion.documents.append(self._staged(part))
                self._read += 1
                if len(self.portion.documents) >= self.portion_size:
                    yield self._turn()
        except MapError as error:
            self.current.findings += [problem.finding() for problem in error.problems[:MOST_FINDINGS]]
        self._close()

    def _hashed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._digest.update(chunk)
            yield chunk

    def _turn(self) -> Portion:
        full, self.portion = self.portion, Portion(interchanges=[self.current])
        at = {"documents": self._read, "refused": self._refused}
        full.turn = Turn.at(at, self.current, self.current.line)
        return full

    def _staged(self, part: Part) -> Staged:
        findings: list[Finding] = []
        carried = None
        try:
            end = translate.carry_part(self.book, self.agreement, self.chart, part)
            carried = end if isinstance(end, translate.Carried) else None  # else `translate` asks a person
        except MapError as error:
            findings = [one.finding(part.place) for one in error.problems[:MOST_FINDINGS]]
        except Exception:  # the stage `translate` runs it again and says what happened
            log.warning("T-%s, document %s: its map failed", self.row.id, part.number, exc_info=True)
        self._refused += bool(findings)
        values = {
            "direction": "in",
            "lane": self.row.lane,
            "company": self.agreement.company,
            "partner": self.agreement.partner,
            "agreement": self.agreement.name,
            "standard": self.agreement.document.standard,
            "set_id": self.agreement.document.set_id,
            "version": None,
            "control_number": str(part.number),
            "part": None,
            "place": part.place,
            "payload_id": self.row.payload_id,
            "offset": part.offset,
            "size": part.size,
            "segments": len(part.rows) if part.rows is not None else None,
            "content_sha256": part.digest(),
            "findings": as_json(findings) if findings else None,
            "rejected": bool(findings),
        }
        return Staged(self.current, None, values, None if self.row.attempts > 1 else carried)

    def _close(self) -> None:
        current = self.current
        current.closed, current.values["content_sha256"] = True, self._digest.hexdigest()
        current.refused = self._refused
        reason = ""
        if current.findings:
            reason = message_and_remedy(current.findings[0])[0].rstrip(".")
        elif not self._read:
            reason = "there is no document in it"
        elif self._refused and self.agreement.refuse == "file":
            reason = f"{self._refused} of its {self._read} documents cannot be used"
        finished: dict[str, Any] = {"status": TransmissionStatus.DONE, "resume_state": None}
        if reason:
            current.aside = self._alert("file-set-aside", {"reason": reason})
            finished |= {"status": TransmissionStatus.QUARANTINED, "reason": reason}
        self.portion.finished.append((self.row, finished))

    def _alert(self, code: str, data: dict[str, Any]) -> Alert:
        row = self.row
        where = f"{name_of(row)}, transmission T-{row.id}"
        key = f"transmission:{row.id}:{code}"
        data = {"file": name_of(row), **data}
        return Alert(code, row.lane, key, data, where, ("transmission", row.id), self.agreement.partner)


def name_of(row: Any) -> str:
    """What people call a file that came."""
    return spoken(row.filename) if row.filename else f"T-{row.id}"


def judge(tx: Tx, book: Book, one: Interchange, portion: Portion) -> None:
    """Settle what a file is that was read to its end and may be used: new, or the same bytes again."""
    values = one.values
    one.status = InterchangeStatus.PARTIAL if one.refused else InterchangeStatus.ACCEPTED
    if one.row.reason == RUN_AGAIN:
        return
    c = interchange.c
    # Two workers with the same file: the second waits and then sees the first.
    tx.take_turns(["file " + "|".join((values["partner"], values["lane"], values["content_sha256"]))])
    before = tx.first(
        select(c.id, c.transmission_id)
        .where(
            c.content_sha256 == values["content_sha256"],
            c.partner == values["partner"],
            c.lane == values["lane"],
            c.direction == "in",
            c.id != one.id,
            c.status.in_([InterchangeStatus.ACCEPTED, InterchangeStatus.PARTIAL]),
        )
        .order_by(c.id)
    )
    policy = book.agreements[one.agreement].duplicates.content
    if before is None or policy == "ignore":
        return
    if policy in ("hold", "warn"):
        data = {"file": name_of(one.row), "before": f"T-{before.transmission_id}"}
        where = f"{name_of(one.row)}, transmission T-{one.row.id}"
        subject = ("transmission", one.row.id)
        key = f"transmission:{one.row.id}:file-repeated"
        portion.alerts.append(Alert("file-repeated", one.row.lane, key, data, where, subject, values["partner"]))
    if policy == "hold":
        one.status = InterchangeStatus.QUARANTINED
    elif policy == "answer-again":
        one.status = InterchangeStatus.DUPLICATE


VERDICTS = {
    DocumentStatus.DONE: "accepted",
    DocumentStatus.VALID: "accepted",
    DocumentStatus.INVALID: "refused",
    DocumentStatus.DUPLICATE: "seen-before",
}


def acknowledge(tx: Tx, book: Book, closed: Iterable[Interchange]) -> None:
    """Tell the sender what became of a file, where the agreement has them told; a document like any other."""
    for one in closed:
        terms = book.agreements[one.agreement].acknowledge
        if terms.with_ == "file":
            compose.send(tx, book, one.values["partner"], one.values["lane"], _acknowledgement(tx, one, terms.detail))


def _acknowledgement(tx: Tx, one: Interchange, detail: str) -> FileAcknowledgement:
    d = document.c
    mine = (d.interchange_id == one.id, d.direction == "in")
    counts = {
        row.status: row.n for row in tx.all(select(d.status, func.count().label("n")).where(*mine).group_by(d.status))
    }
    listed = select(d.control_number, d.place, d.business_key, d.status, d.findings).where(*mine).order_by(d.id)
    if detail == "errors":
        listed = listed.where(d.status.not_in(ACCEPTED))
    rows = tx.all(listed.limit(MOST_TOLD)) if detail != "none" else []
    moment = dt.datetime.fromtimestamp(tx.now / 1_000_000, dt.UTC)
    aside = one.status is InterchangeStatus.QUARANTINED
    return FileAcknowledgement(
        acknowledgement_number=f"E-{one.id}",
        file=name_of(one.row),
        received=Moment(date=moment.date(), time=moment.time().replace(microsecond=0), zone="UTC"),
        verdict="refused" if aside else str(one.status),
        reason=one.aside.data["reason"] if one.aside else None,
        accepted=Decimal(sum(n for status, n in counts.items() if status in ACCEPTED)),
        refused=Decimal(counts.get(DocumentStatus.INVALID, 0)),
        documents=[
            AcknowledgedDocument(
                position=row.control_number,
                place=row.place,
                number=row.business_key,
                verdict=VERDICTS.get(DocumentStatus(row.status), "waits"),
                problems=[message_and_remedy(f)[0] for f in findings_of(json.loads(row.findings or "[]"))],
            )
            for row in rows
        ],
    )


def no_agreement(row: Any, start: bytes, closest: str) -> Alert:
    """A file nobody agreed on: it is kept whole."""
    kind = detect(start[:SNIFF]).format
    what = f"{kind.upper() if kind is not Format.UNKNOWN else 'unreadable'} file {name_of(row)}"
    data = {"partner": f"connection {row.connection}", "set_id": what, "closest": closest}
    key = f"transmission:{row.id}:no-agreement"
    where = f"{name_of(row)}, transmission T-{row.id}"
    return Alert("file-without-agreement", row.lane, key, data, where, ("transmission", row.id))
