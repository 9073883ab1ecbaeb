"""What must hold between the files: everything named exists, lanes never mix, every document finds one agreement."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping

from gateway.canonical import DOCUMENTS
from gateway.flows.commands import OPERATIONS
from gateway.formats.x12.guide import Guide, GuideFault, packaged
from gateway.formats.x12.narrowing import narrowed
from gateway.mapping import Library, MapFaults
from gateway.mapping.rows import Rows
from gateway.mapping.source import assemble
from gateway.partners.agreement import FILE_NAME, Agreement
from gateway.partners.faults import Fault, nearest
from gateway.partners.loading import Loaded, code_files
from gateway.partners.reading import Node
from gateway.partners.schemas import schema_faults
from gateway.partners.values import DocumentName, TradingId


def faults_between(said: Loaded, library: Library) -> Iterator[Fault]:
    """Every fault that one file alone does not show."""
    yield from _shared_ids(said)
    yield from _shared_sftp_users(said)
    yield from _timetables(said)
    yield from _shared_as2_names(said)
    for agreement in said.agreements.values():
        lines = said.lines["agreement", agreement.name]
        yield from _named_things(said, agreement, lines, library)
        yield from _document(said, agreement, lines, library)
        yield from schema_faults(said, agreement, lines, library)
        yield from _site(said, agreement, lines)
    yield from _warehouses(said)
    yield from _codes(said, library)
    yield from _collisions(said)
    yield from _of_one_mind(said)


NOTHING: frozenset[str] = frozenset()

# TA1 and the interchange number belong to (company, partner, lane): an interchange carries many documents.
OF_THE_INTERCHANGE = (
    ("acknowledge", "ta1"),
    ("duplicates", "transport"),
    ("duplicates", "control_number"),
    ("duplicates", "window"),
)


def _of_one_mind(said: Loaded) -> Iterator[Fault]:
    first: dict[tuple[str, str, str, str, str], tuple[str, object]] = {}
    for name, agreement in said.agreements.items():
        if agreement.direction == "out":
            continue
        for group, term in OF_THE_INTERCHANGE:
            key = (agreement.partner, agreement.company, agreement.lane, group, term)
            value = getattr(getattr(agreement, group), term)
            other, theirs = first.setdefault(key, (name, value))
            if theirs != value:
                yield (
                    said.lines["agreement", name]
                    .at((group, term))
                    .fault(
                        f"`{group}: {term}` differs from {other}, and an interchange can carry both",
                        "say it once, under the partner's `terms:`",
                    )
                )


def _shared_ids(said: Loaded) -> Iterator[Fault]:
    """One id, one owner: otherwise nobody could tell whose document it is."""
    owners: dict[TradingId, str] = {}
    for what, everybody in (("company", said.companies), ("partner", said.partners)):
        for name, party in everybody.items():
            for n, trading_id in enumerate(party.ids.x12):
                first = owners.setdefault(trading_id, name)
                if first != name:
                    place = said.lines[what, name].at(("ids", "x12", n))
                    yield place.fault(
                        f"`{trading_id}` already belongs to {first}", "an id has one owner; correct one of them"
                    )


def _shared_as2_names(said: Loaded) -> Iterator[Fault]:
    """Of a message that comes in only the two AS2 names are known: they must name one connection, and so one lane."""
    owners: dict[tuple[str, str], str] = {}
    for name, wire in said.connections.items():
        if wire.kind != "as2":
            continue
        ours, theirs = (str(wire.settings.get(f"{whose}_as2_name")) for whose in ("our", "their"))
        first = owners.setdefault((ours, theirs), name)
        if first != name:
            place = said.lines["connection", name].at(("their_as2_name",))
            yield place.fault(
                f"`{name}` and `{first}` have the same two AS2 names, `{ours}` and `{theirs}`",
                "a message could belong to either: take one away, or agree on another name, also for the test lane",
            )


def _shared_sftp_users(said: Loaded) -> Iterator[Fault]:
    """Who logs in is known by the user alone."""
    owners: dict[str, str] = {}
    for name, wire in said.connections.items():
        if wire.kind == "sftp-server":
            first = owners.setdefault(str(wire.settings.get("user")), name)
            if first != name:
                yield (
                    said.lines["connection", name]
                    .at(("user",))
                    .fault(f"`{first}` has the same user", "give each login a user of its own, also in the test lane")
                )


def _timetables(said: Loaded) -> Iterator[Fault]:
    for name, wire in said.connections.items():
        company = wire.schedule.company if wire.schedule is not None else None
        if company is not None and company not in said.companies and said.whole(f"{company}/company.yaml"):
            place = said.lines["connection", name].at(("schedule", "company"))
            yield place.fault(f"there is no company `{company}`", nearest(company, said.companies))


def _named_things(said: Loaded, agreement: Agreement, lines: Node, library: Library) -> Iterator[Fault]:
    company = said.companies.get(agreement.company)
    if company is None and said.whole(f"{agreement.company}/company.yaml"):
        yield lines.at(("our",)).fault(
            f"there is no company `{agreement.company}`", nearest(agreement.company, said.companies)
        )
    connection = said.connections.get(agreement.connection)
    in_lane = {name for name, c in said.connections.items() if c.lane == agreement.lane}
    theirs = {name for name in in_lane if said.connections[name].owner == agreement.partner}
    if connection is None:
        if said.whole("*/connections.yaml"):
            yield lines.at(("connection",)).fault(
                f"there is no connection `{agreement.connection}`", nearest(agreement.connection, theirs or in_lane)
            )
    elif connection.lane != agreement.lane:
        write = f"write one with `lane: {agreement.lane}` in partners/{agreement.partner}/connections.yaml"
        yield lines.at(("connection",)).fault(
            f"a {agreement.lane} agreement on a {connection.lane} connection",
            f"test and production never share a wire: {nearest(agreement.connection, theirs) if theirs else write}",
        )
    if agreement.direction == "in":
        yield from _destinations(said, agreement, lines, library)
    yield from _own_ids(said, agreement, lines)


def _destinations(said: Loaded, agreement: Agreement, lines: Node, library: Library) -> Iterator[Fault]:
    kind = head(agreement.map, library.files)[1] if agreement.map else None
    in_lane = {name for name, s in said.systems.items() if s.lane == agreement.lane}
    for n, name in enumerate(agreement.destinations):
        place = lines.at(("destinations", n))
        system = said.systems.get(name)
        none = f"the {agreement.lane} lane has none yet; write `destinations: []`"
        if system is None:
            if said.whole("*/systems/*.yaml"):
                yield place.fault(f"there is no system `{name}`", nearest(name, in_lane) if in_lane else none)
        elif system.lane != agreement.lane:
            yield place.fault(
                f"a {agreement.lane} agreement would reach `{name}`, a {system.lane} system",
                f"the {agreement.lane} lane has {', '.join(sorted(in_lane))}" if in_lane else none,
            )
        elif kind in DOCUMENTS and place.layer == "agreement" and not system.supports & OPERATIONS.get(kind, NOTHING):
            asked = ", ".join(sorted(OPERATIONS.get(kind, NOTHING)))
            told = f"describe {asked} in {system.file}, or take" if asked else "take"
            yield place.fault(
                f"nothing is done in `{name}` with a document of kind {kind}",
                f"{told} it away: whoever wants to know subscribes to the event, or reads /v1/events",
            )


def _site(said: Loaded, agreement: Agreement, lines: Node) -> Iterator[Fault]:
    company = said.companies.get(agreement.company)
    if agreement.direction == "in" and agreement.ship_from and company and agreement.ship_from not in company.sites:
        place = lines.at(("ship_from",))
        yield place.fault(
            f"{agreement.company} has no site `{agreement.ship_from}`", nearest(agreement.ship_from, company.sites)
        )


def _warehouses(said: Loaded) -> Iterator[Fault]:
    """Who runs a site for us is a partner who takes our warehouse orders."""
    for name, company in said.companies.items():
        for site, place in company.sites.items():
            if place.warehouse is None or not said.whole(f"{name}/company.yaml", f"{place.warehouse}/partner.yaml"):
                continue
            line = said.lines["company", name].at(("sites", site, "warehouse"))
            if place.warehouse not in said.partners:
                yield line.fault(f"there is no partner `{place.warehouse}`", nearest(place.warehouse, said.partners))
            elif not any(
                a.partner == place.warehouse and a.company == name and a.direction == "out"
                for a in said.agreements.values()
            ):
                yield line.fault(
                    f"{place.warehouse} takes nothing from {name}",
                    "add an agreement that sends them a warehouse order, e.g. `send: x12/004010/940`",
                )


def _own_ids(said: Loaded, agreement: Agreement, lines: Node) -> Iterator[Fault]:
    """An X12 document needs an id on both sides; the one an envelope names must be one of them."""
    if agreement.document.standard != "x12":
        return
    sides = (
        ("our_id", agreement.envelope.our_id, said.companies.get(agreement.company), "company", agreement.company),
        ("their_id", agreement.envelope.their_id, said.partners.get(agreement.partner), "partner", agreement.partner),
    )
    for key, chosen, party, what, name in sides:
        if party is None:
            continue
        if not party.ids.x12:
            place = said.lines[what, name].at(("ids",))
            yield place.fault(f"{name} has no X12 id", 'write e.g. `ids: {x12: ["ZZ:THEIRNAME"]}`')
        elif chosen is not None and chosen not in party.ids.x12:
            known = [str(trading_id) for trading_id in party.ids.x12]
            yield lines.at(("envelope", key)).fault(f"`{chosen}` is no id of {name}", nearest(str(chosen), known))


def _narrowing(agreement: Agreement, guide: Guide, lines: Node) -> Iterator[Fault]:
    """Rules for a place that the guide of this agreement does not have, or that would widen the standard."""
    for place, text in agreement.narrow.items():
        try:
            narrowed(guide, {place: text})
        except GuideFault as error:
            file = f"the guide is gateway/formats/x12/guides/{guide.release}/{guide.set_id}.yaml"
            yield lines.at(("narrow", place)).fault(str(error), file)


def _document(said: Loaded, agreement: Agreement, lines: Node, library: Library) -> Iterator[Fault]:
    name = agreement.document
    place = lines.at(("receive" if agreement.receive else "send",))
    if name.standard == "x12":
        guides = packaged()
        if name.release not in guides.releases():
            yield place.fault(f"there is no guide for release {name.release}", nearest(name.release, guides.releases()))
        elif name.set_id not in guides.sets(name.release):
            sets = guides.sets(name.release)
            yield place.fault(f"there is no guide for {name}", f"release {name.release} has {', '.join(sets)}")
        else:
            yield from _narrowing(agreement, guides.load(name.release, name.set_id), lines)
    elif agreement.direction == "in" and not agreement.files:
        yield place.fault(
            f"a {name.standard} document has no envelope that says what it is",
            "say which files are meant, e.g. `files: ship*.csv`",
        )
    if agreement.direction == "in" and agreement.acknowledge.with_ == "file" and not _tells(said, agreement, library):
        yield lines.at(("acknowledge", "with")).fault(
            f"no agreement of {agreement.partner} sends a file acknowledgement",
            "add one, e.g. `send: json/file-acknowledgement` on the same lane",
        )
    if agreement.direction == "out" and agreement.files:
        yield from _file_name(agreement, lines)
    if name.standard == "json" and agreement.map is None and name.set_id not in DOCUMENTS:
        yield place.fault(
            f"our language has no document `{name.set_id}`, and no map reads it", nearest(name.set_id, DOCUMENTS)
        )
    if agreement.map is None:
        if name.standard == "json":
            return  # our own language
        if agreement.direction == "in" and name.standard != "x12":
            yield place.fault("nothing says how this document is read", "name its map, e.g. `map: csv-3pl-shipment`")
            return
        if agreement.direction == "out":
            yield place.fault("nothing says how this document is written", "name its map, e.g. `map: x12-856-shipment`")
        return
    if f"{agreement.map}.yaml" not in library.files:
        known = library.names()
        yield lines.at(("map",)).fault(f"there is no map `{agreement.map}`", nearest(agreement.map, known))
        return
    document, _ = head(agreement.map, library.files)
    if document not in (None, str(name), name.standard):
        yield lines.at(("map",)).fault(
            f"map `{agreement.map}` is for {document}, the agreement for {name}", "name a map for this document"
        )


def _tells(said: Loaded, asked: Agreement, library: Library) -> bool:
    """Whether another agreement of the partner says how they are told what became of a file."""
    for other in said.agreements.values():
        same = (other.partner, other.lane, other.direction) == (asked.partner, asked.lane, "out")
        kind = head(other.map, library.files)[1] if other.map else other.document.set_id
        if same and kind == "file-acknowledgement":
            return True
    return False


def _file_name(agreement: Agreement, lines: Node) -> Iterator[Fault]:
    """A template for the names of our files: known words, one step of a path, a name of its own for each file."""
    template = agreement.files or ""
    place = lines.at(("files",))
    known = ", ".join(f"{{{word}}}" for word in sorted(FILE_NAME))
    try:
        said = {word for _, word, _, _ in string.Formatter().parse(template) if word is not None}
    except ValueError as error:
        yield place.fault(f"`{template}` is no template: {error}", f"it may say {known}")
        return
    if said - FILE_NAME:
        yield place.fault(f"a file's name knows no `{{{sorted(said - FILE_NAME)[0]}}}`", f"it may say {known}")
    if "/" in template or "\\" in template:
        yield place.fault(f"`{template}` is a path", "write a name; the connection says where it goes")
    if not said & {"number", "sequence"}:
        yield place.fault("every file would have the same name", "add {number} or {sequence}")


def head(name: str, files: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Document and canonical kind of a map, without compiling it; a map that cannot be read has neither."""
    try:
        words = assemble(name, files).words
    except MapFaults:
        return None, None
    return tuple(words[key].value if key in words else None for key in ("document", "canonical"))  # type: ignore[return-value]


def _codes(said: Loaded, library: Library) -> Iterator[Fault]:
    """A partner's own rows must fit the maps they are laid over, and each must be for one of them."""
    for partner in said.partners:
        files = code_files(partner, said.files)
        asks = {(a.map, a.codes.ask) for a in said.agreements.values() if a.partner == partner and a.map}
        if not files and not any(ask for _, ask in asks):
            continue  # nothing of their own: the maps are compiled when a document comes
        maps = sorted((name, ask) for name, ask in asks if name and f"{name}.yaml" in library.files)
        try:
            rows = Rows.of(files)
        except MapFaults as found:
            yield from (Fault(f.file, f.line, f.text, f.remedy) for f in found.faults)
            continue
        tables: set[str] = set()
        units: set[str] = set()
        for name, ask in maps:
            try:
                chart = library.map(name, Rows.of(files, ask))
            except MapFaults as found:
                maps = []  # what a broken one has cannot be said
                yield from (Fault(f.file, f.line, f.text, f.remedy) for f in found.faults if f.file in dict(files))
                break
            tables |= set(chart.language.codes)
            units |= set(chart.language.codes["unit"].table if "unit" in chart.language.codes else ())
            for n, table in enumerate(ask):
                if table not in chart.language.codes:
                    agreement = next(a for a in said.agreements.values() if (a.partner, a.map) == (partner, name))
                    place = said.lines["agreement", agreement.name].at(("codes", "ask", n))
                    yield place.fault(f"map {name} has no code table `{table}`", nearest(table, chart.language.codes))
        yield from _for_no_map(rows, tables, units) if maps else ()


def _for_no_map(rows: Rows, tables: set[str], units: set[str]) -> Iterator[Fault]:
    for name, raw in (rows.sections["codes"].kids or {} if "codes" in rows.sections else {}).items():
        if name not in tables:
            text = f"no map of theirs has a code table `{name}`"
            yield Fault(raw.origin.file, raw.origin.line, text, nearest(name, tables))
    for key, raw in (rows.sections["convert"].kids or {} if "convert" in rows.sections else {}).items():
        unit = key.partition(" of ")[0]
        if "unit" in tables and unit not in units:
            text = f"convert: no unit of their maps is called `{unit}`"
            yield Fault(raw.origin.file, raw.origin.line, text, nearest(unit, units))


Way = tuple[str, str, str, str, DocumentName, str | None, TradingId | None]


def _collisions(said: Loaded) -> Iterator[Fault]:
    """Two agreements that would answer to the same document."""
    first: dict[Way, str] = {}
    for name, agreement in said.agreements.items():
        way: Way = (
            agreement.partner,
            agreement.company,
            agreement.lane,
            agreement.connection if agreement.direction == "in" else "out",
            agreement.document,
            agreement.files,
            agreement.envelope.their_id,
        )
        other = first.setdefault(way, name)
        if other != name:
            place = said.lines["agreement", name].place
            yield place.fault(
                f"`{name}` and `{other}` are about the same document",
                "they differ in nothing a document could be told apart by; take one away",
            )
