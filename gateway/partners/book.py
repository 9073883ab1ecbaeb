"""The book: everything we agreed on with everybody, checked, immutable, known by the hash of its content.

A book is made from a folder or from stored texts; both give the same hash for the same words. Looking things up never
reads a file.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

from gateway.formats.detect import Format, detect
from gateway.formats.x12.guide import release_of
from gateway.mapping import Library, Map
from gateway.mapping.own import Own
from gateway.mapping.rows import Rows
from gateway.partners.agreement import Agreement
from gateway.partners.company import Company
from gateway.partners.connection import Connection
from gateway.partners.faults import Fault, ProfileFaults
from gateway.partners.judging import faults_between, head
from gateway.partners.loading import Loaded, code_files, load, schema_files, standard_terms
from gateway.partners.partner import Partner
from gateway.partners.reading import Node, not_text
from gateway.partners.schemas import compiled
from gateway.partners.system import System
from gateway.partners.terms import DEADLINES, Duplicates
from gateway.partners.values import TradingId

FILES = ("csv", "fixed", "xml", "json")  # what travels without an envelope
STANDARDS_OF = {
    Format.CSV: ("csv", "fixed"),
    Format.FIXED: ("fixed", "csv"),
    Format.UNKNOWN: ("fixed", "csv"),
    Format.XML: ("xml",),
    Format.UBL: ("xml",),
    Format.CXML: ("xml",),
    Format.JSON: ("json",),
}
MEDIA_TYPES = {
    "text/csv": ("csv",),
    "text/tab-separated-values": ("csv",),
    "application/json": ("json",),
    "application/xml": ("xml",),
    "text/xml": ("xml",),
}

SENDERS = 4096  # of whom a book remembers on what terms they send: strangers must not fill the memory

Pair = tuple[str, str]  # qualifier and id as they stood in an envelope


@dataclass(frozen=True, slots=True)
class Parties:
    """Who speaks to whom, by an envelope alone."""

    company: str | None
    partner: str | None  # None: not known, or not allowed on this connection
    closest: str = ""  # a sentence for a person


@dataclass(frozen=True, slots=True)
class Match:
    """The agreement a document came under; without one, why not, and what was nearest."""

    agreement: Agreement | None
    reason: str = ""
    closest: str = ""


@dataclass(frozen=True)
class Book:
    """All companies, connections, partners, agreements and systems of one moment."""

    companies: Mapping[str, Company]
    connections: Mapping[str, Connection]
    partners: Mapping[str, Partner]
    agreements: Mapping[str, Agreement]
    systems: Mapping[str, System]
    library: Library
    files: Mapping[str, str]
    revision: str
    lines: Mapping[tuple[str, str], Node] = field(repr=False)  # where each thing was written

    @classmethod
    def load(cls, folder: Path, maps: Path) -> Book:
        """The book in two folders of files; raises ProfileFaults."""
        return cls.from_files(texts(folder, maps))

    @classmethod
    def from_files(cls, files: Mapping[str, str]) -> Book:
        """The book in texts named `partners/...` and `maps/...`; raises ProfileFaults with everything that is wrong."""
        said, library, faults = examine(files)
        if faults:
            raise ProfileFaults(faults)
        return cls(
            MappingProxyType(said.companies),
            MappingProxyType(said.connections),
            MappingProxyType(said.partners),
            MappingProxyType(said.agreements),
            MappingProxyType(said.systems),
            library,
            MappingProxyType(dict(files)),
            revision_of(files),
            MappingProxyType(said.lines),
        )

    # -- who is who ------------------------------------------------------
    def ids(self, agreement: Agreement) -> tuple[TradingId, TradingId]:
        """Ours and theirs, as they stand in the envelopes of this agreement."""
        ours = agreement.envelope.our_id or self.companies[agreement.company].ids.x12[0]
        theirs = agreement.envelope.their_id or self.partners[agreement.partner].ids.x12[0]
        return ours, theirs

    def parties(self, connection: str, sender: Pair, receiver: Pair, lane: str) -> Parties:
        """Who sent an interchange to which of our companies; a partner counts only on a connection of theirs."""
        return self._parties(connection, sender, receiver, lane)

    def _find_parties(self, connection: str, sender: Pair, receiver: Pair, lane: str) -> Parties:
        company = self._company_of(receiver)
        partner = self._partner_of(sender)
        if partner is None:
            return Parties(company, None, self._closest(sender))
        on = [a for a in self._by_partner[partner] if a.connection == connection and a.lane == lane]
        if not on:
            theirs = sorted({a.connection for a in self._by_partner[partner] if a.lane == lane})
            said = f"on {' and '.join(theirs)}" if theirs else f"in no connection of the {lane} lane"
            return Parties(company, None, f"{sender[1].strip()} is {partner}, known {said}.")
        return Parties(company, partner)

    def find(
        self,
        *,
        sender: Pair,
        receiver: Pair,
        functional_id: str,
        release: str,
        set_id: str,
        lane: str,
        connection: str,
    ) -> Match:
        """The agreement a received document falls under. Without a set id the group's functional id decides."""
        return self._matches(sender, receiver, functional_id, release, set_id, lane, connection)

    def _find_match(
        self, sender: Pair, receiver: Pair, functional_id: str, release: str, set_id: str, lane: str, connection: str
    ) -> Match:
        partner = self._partner_of(sender)
        if partner is None:
            return Match(None, "unknown sender", self._closest(sender))
        company = self._company_of(receiver)
        if company is None:
            known = ", ".join(str(i) for c in self.companies.values() for i in c.ids.x12)
            return Match(None, "unknown receiver", f"{':'.join(receiver)} is none of our ids ({known}).")
        mine = [a for a in self._by_partner[partner] if a.direction == "in" and a.document.standard == "x12"]
        # Each rule leaves fewer agreements; the first that leaves none is the reason, and what it dropped the closest.
        rules = (
            ("company", lambda a: a.company == company, f"it is addressed to {company}"),
            (
                "document",
                lambda a: a.document.set_id == set_id if set_id else a.functional_id == functional_id,
                f"they sent {set_id or functional_id}",
            ),
            ("lane", lambda a: a.lane == lane, f"it came in the {lane} lane"),
            ("connection", lambda a: a.connection == connection, f"it came on {connection}"),
            (
                "sender id",
                lambda a: a.envelope.their_id in (None, _pair(sender)) and a.envelope.our_id in (None, _pair(receiver)),
                f"it says {':'.join(sender)} to {':'.join(receiver)}",
            ),
            (
                "release",
                lambda a: a.document.release == release_of(release),
                f"it is written in {release or 'no release'}",
            ),
        )
        for what, holds, said in rules:
            kept = [a for a in mine if holds(a)]
            if not kept:
                return Match(None, f"{what} differs", _nearest_agreement(mine, what, said))
            mine = kept
        return Match(mine[0])

    @cached_property
    def as2_wires(self) -> Mapping[str, Sequence[Connection]]:
        """The AS2 connections by our name in them."""
        found: defaultdict[str, list[Connection]] = defaultdict(list)
        for one in self.connections.values():
            if one.kind == "as2":
                found[one.settings.get("our_as2_name", "")].append(one)
        return found

    def by_file(
        self, connection: str, filename: str | None, start: bytes = b"", media_type: str | None = None
    ) -> Match:
        """The agreement for a file without an envelope: by the connection, its name, its type and how it begins."""
        return self._file(self._by_connection[connection], filename, start, media_type)

    def file_of(self, partner: str, filename: str, start: bytes) -> Match:
        """The same for a file in somebody's hands, by whose it is."""
        return self._file(self._by_partner[partner], filename, start, None)

    def _file(self, among: Sequence[Agreement], filename: str | None, start: bytes, media_type: str | None) -> Match:
        found = detect(start).format if start else None
        standards = STANDARDS_OF.get(found, ()) if found else FILES
        said = (media_type or "").partition(";")[0].strip().lower()
        mine = [a for a in among if a.direction == "in" and a.document.standard in FILES]
        rules: tuple[tuple[str, Callable[[Agreement], bool], str], ...] = (
            ("name", lambda a: not filename or fnmatchcase(filename, a.files or "*"), f"it is called {filename}"),
            ("format", lambda a: a.document.standard in standards, f"it looks like {found}"),
            ("content type", lambda a: a.document.standard in MEDIA_TYPES.get(said, FILES), f"it came as {said}"),
            ("beginning", lambda a: not start or not self.file_chart(a).fits(start), "it begins otherwise"),
        )
        for what, holds, why in rules:
            kept = [a for a in mine if holds(a)]
            if not kept:
                why = self.file_chart(mine[0]).fits(start) if what == "beginning" else why
                return Match(None, f"{what} differs", _nearest_agreement(mine, what, why) if mine else "")
            mine = kept
        return Match(mine[0])

    def file_chart(self, agreement: Agreement, answers: Sequence[tuple[str, str]] = ()) -> Map | Own:
        """The map of an agreement about files, or what stands for one where they are in our own JSON."""
        if agreement.map is None:
            return Own(agreement.document.set_id)
        chart = self.chart(agreement, answers)
        if agreement.judged_by is None:
            return chart
        return chart.judged_by(compiled(agreement.judged_by, self._schemas(agreement.partner)))

    def sending(self, partner: str, document: str, lane: str, company: str | None = None) -> Agreement | None:
        """The agreement under which this partner takes a document: a canonical kind (`shipment`) or a set (`856`)."""
        key = (partner, document, lane, company)
        if key not in self._sending:
            self._sending[key] = self._find_sending(*key)
        return self._sending[key]

    def _find_sending(self, partner: str, document: str, lane: str, company: str | None) -> Agreement | None:
        for agreement in self._by_partner.get(partner, ()):
            meant = agreement.direction == "out" and agreement.lane == lane and company in (None, agreement.company)
            if meant and document in (agreement.document.set_id, self.kind(agreement)):
                return agreement
        return None

    def receiving(self, partner: str, kind: str, lane: str) -> Agreement | None:
        """The first agreement under which this partner sends us a canonical kind."""
        mine = self._by_partner.get(partner, ())
        return next((a for a in mine if a.direction == "in" and a.lane == lane and self.kind(a) == kind), None)

    def kind(self, agreement: Agreement) -> str | None:
        """The canonical kind its map reads or writes."""
        if agreement.map is None and agreement.document.standard == "json":
            return agreement.document.set_id
        return self._kinds.get(agreement.map) if agreement.map else None

    def chart(self, agreement: Agreement, answers: Sequence[tuple[str, str]] = ()) -> Map:
        """The map of an agreement with the partner's own codes and units, and `answers` given for one document."""
        assert agreement.map is not None
        if not answers:
            return self.library.map(agreement.map, self._rows(agreement.partner, agreement.codes.ask))
        files = [*code_files(agreement.partner, self.files), *answers]
        return self.library.map(agreement.map, Rows.of(files, agreement.codes.ask))

    def _rows(self, partner: str, asked: tuple[str, ...]) -> Rows:
        rows = self._rows_made.get((partner, asked))
        if rows is None:
            rows = self._rows_made[partner, asked] = Rows.of(code_files(partner, self.files), asked)
        return rows

    def _schemas(self, partner: str) -> frozenset[tuple[str, str]]:
        found = self._schemas_of.get(partner)
        if found is None:
            found = self._schemas_of[partner] = frozenset(schema_files(partner, self.files).items())
        return found

    @cached_property
    def _schemas_of(self) -> dict[str, frozenset[tuple[str, str]]]:
        return {}

    @cached_property
    def _rows_made(self) -> dict[tuple[str, tuple[str, ...]], Rows]:
        return {}

    def map_name(self, agreement: str) -> str | None:
        """The map of an agreement, if there are both."""
        found = self.agreements.get(agreement)
        return found.map if found else None

    def destinations(self, partner: str, kind: str, lane: str) -> Sequence[System]:
        """The systems that learn of what this partner sends of a canonical kind."""
        key = (partner, kind, lane)
        if key not in self._destinations:
            self._destinations[key] = self._find_destinations(*key)
        return self._destinations[key]

    def _find_destinations(self, partner: str, kind: str, lane: str) -> Sequence[System]:
        names = [
            name
            for agreement in self._by_partner.get(partner, ())
            if agreement.direction == "in" and agreement.lane == lane and self.kind(agreement) == kind
            for name in agreement.destinations
        ]
        return [self.systems[name] for name in dict.fromkeys(names)]

    def subscriptions(self, event_type: str, lane: str) -> Sequence[Connection]:
        """The webhooks that want to be told of an event."""
        key = (event_type, lane)
        if key not in self._subscriptions:
            every = self.connections.values()
            self._subscriptions[key] = [connection for connection in every if connection.wants(event_type, lane)]
        return self._subscriptions[key]

    def acknowledging(self, company: str, partner: str | None, lane: str) -> Agreement | None:
        """The agreement whose terms hold for this partner's interchanges to a company, not only for one document."""
        mine = [a for a in self._by_partner.get(partner or "", ()) if (a.company, a.lane) == (company, lane)]
        return next((a for a in mine if a.direction == "in"), mine[0] if mine else None)

    def duplicates(self, company: str, partner: str | None, lane: str) -> Duplicates:
        """What to do with an interchange of theirs that came before; judging.py keeps agreements of one mind."""
        agreement = self.acknowledging(company, partner, lane)
        return agreement.duplicates if agreement else standard_terms().duplicates

    def within(self, partner: str | None, lane: str, kind: str) -> timedelta | None:
        """How soon this partner must have our answer of a canonical kind; the shortest time of all agreements holds."""
        key = (partner, lane, kind)
        if key not in self._within:
            mine = [a for a in self._by_partner.get(partner or "", ()) if a.lane == lane]
            times = [getattr(a.deadlines, DEADLINES[kind]) for a in mine]
            self._within[key] = min((time for time in times if time is not None), default=None)
        return self._within[key]

    # -- indexes, made on first use; a book never changes, so what was found once is so for good ---
    @cached_property
    def _sending(self) -> dict[tuple[str, str, str, str | None], Agreement | None]:
        return {}

    @cached_property
    def _within(self) -> dict[tuple[str | None, str, str], timedelta | None]:
        return {}

    @cached_property
    def _subscriptions(self) -> dict[tuple[str, str], Sequence[Connection]]:
        return {}

    @cached_property
    def _parties(self) -> Callable[[str, Pair, Pair, str], Parties]:
        return lru_cache(SENDERS)(self._find_parties)

    @cached_property
    def _matches(self) -> Callable[[Pair, Pair, str, str, str, str, str], Match]:
        return lru_cache(SENDERS)(self._find_match)

    @cached_property
    def _destinations(self) -> dict[tuple[str, str, str], Sequence[System]]:
        return {}

    @cached_property
    def _by_partner(self) -> Mapping[str, Sequence[Agreement]]:
        index: dict[str, list[Agreement]] = {name: [] for name in self.partners}
        for agreement in self.agreements.values():
            index[agreement.partner].append(agreement)
        return index

    @cached_property
    def _by_connection(self) -> Mapping[str, Sequence[Agreement]]:
        index: defaultdict[str, list[Agreement]] = defaultdict(list)
        for agreement in self.agreements.values():
            index[agreement.connection].append(agreement)
        return index

    @cached_property
    def _kinds(self) -> Mapping[str, str | None]:
        maps = {agreement.map for agreement in self.agreements.values() if agreement.map}
        return {name: head(name, self.library.files)[1] for name in maps}

    @cached_property
    def _owners(self) -> Mapping[TradingId, str]:
        return {trading_id: name for name, p in self.partners.items() for trading_id in p.ids.x12}

    def _partner_of(self, sender: Pair) -> str | None:
        return self._owners.get(_pair(sender))

    def _company_of(self, receiver: Pair) -> str | None:
        return next((name for name, c in self.companies.items() if _pair(receiver) in c.ids.x12), None)

    def _closest(self, sender: Pair) -> str:
        """A sender nobody knows, and the one it was probably meant to be."""
        them = _pair(sender)
        for known, name in self._owners.items():
            if known.id == them.id:
                return f"Closest partner is {name}; the qualifier differs: {them} came, {known} is agreed."
        ids = {known.id: known for known in self._owners}
        close = difflib.get_close_matches(them.id, ids, n=1, cutoff=0.6)
        if close:
            known = ids[close[0]]
            return f"Closest partner is {self._owners[known]}; the id differs: {them} came, {known} is agreed."
        return "No partner has an id like it."


def examine(files: Mapping[str, str]) -> tuple[Loaded, Library, list[Fault]]:
    """What the texts say, their maps, and everything wrong in and between the profiles."""
    garbled = [fault for name, text in files.items() if (fault := not_text(name, text))]
    files = {name: text for name, text in files.items() if name not in {fault.file for fault in garbled}}
    said = load(files, garbled)
    library = Library({name: text for name, text in files.items() if name.startswith("maps/")})
    return said, library, [*said.faults, *faults_between(said, library)]


def _pair(pair: Pair) -> TradingId:
    return TradingId(pair[0].strip(), pair[1].strip())


def _nearest_agreement(dropped: Sequence[Agreement], what: str, said: str) -> str:
    if not dropped:
        return "This partner has no agreement to send us anything."
    return f"Closest agreement is {dropped[0].name}; the {what} differs: {said}."


def texts(folder: Path, maps: Path) -> dict[str, str]:
    """Every YAML file of the two folders, every code table (CSV) and schema, named as a book names them."""
    found = {}
    for root, name in ((folder, "partners"), (maps, "maps")):
        tables, schemas = root.glob("*/codes/*.csv"), root.glob("*/schemas/*.*")
        for path in sorted((*root.rglob("*.yaml"), *root.rglob("*.yml"), *tables, *schemas)):
            # Bytes that are no UTF-8 come through as what cannot be: `examine` says where they stand.
            text = path.read_bytes().decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n")
            found[f"{name}/{path.relative_to(root).as_posix()}"] = text
    return found


def revision_of(files: Mapping[str, str]) -> str:
    """The hash of a book: of the names and hashes of its files, so that the same words always have the same name."""
    manifest = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
