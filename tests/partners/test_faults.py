"""A mistake of every kind a person makes in a profile: file and line, what is wrong, what to write."""

from __future__ import annotations

from pathlib import Path

import pytest
from profile_texts import COMPANY, CONNECTIONS, FILES, INDUSTRY, PARTNER, changed

from gateway.partners.book import texts
from gateway.partners.faults import nearest
from gateway.pipeline.proofreading import faults_in

ERP = "partners/northwind/systems/erp.yaml"
BLUE_RIDGE = "partners/blue-ridge/partner.yaml"
FERNHILL, XSD = "partners/fernhill-mills/partner.yaml", "partners/fernhill-mills/schemas/despatch.xsd"
SUMMIT, ADVICE = "partners/summit/partner.yaml", "partners/summit/schemas/advice.json"
IRONHILL, JUNIPER_WIRES = "partners/ironhill-freight/connections.yaml", "partners/juniper-row/connections.yaml"
JUNIPER, CODES = "partners/juniper-row/partner.yaml", "partners/juniper-row/codes.yaml"

# what was mistaken: file, the line as it is, as somebody wrote it, what is said of it, what is offered instead
MISTAKES: dict[str, tuple[str, str, str, str, str]] = {
    # words
    "unknown key": (PARTNER, "industry: retail", "industri: retail", "`industri` means nothing here", "industry"),
    "unknown term": (
        PARTNER,
        "acknowledge: {within",
        "acknowlege: {within",
        "`acknowlege` means nothing",
        "acknowledge",
    ),
    "unknown key in a term": (INDUSTRY, '{with: "997", within: 4h}', '{with: "997", witin: 4h}', "`witin`", "within"),
    "unknown key in an agreement": (PARTNER, "    map: harbor-pine-850-order", "    mapp: x", "`mapp` means", "map"),
    "unknown key of a wire": (
        CONNECTIONS,
        "  bearer: env:HARBOR_PINE_TOKEN",
        "  barer: env:X",
        "`barer` means",
        "bearer",
    ),
    "missing key": (PARTNER, "name: Harbor & Pine", "zone_: x", "`name` is missing", "add `name: ..."),
    "missing in an agreement": (PARTNER, "    lane: production\n", "", "`lane` is missing", "add `lane: production"),
    "not a choice": (PARTNER, "    lane: production", "    lane: prod", "`lane: prod` is not a choice", "production"),
    "not a choice in a layer": (INDUSTRY, "business_key: hold", "business_key: stop", "`business_key: stop`", "hold"),
    # narrowing
    "no place": (PARTNER, "  acknowledge: {within: 1h}", '  narrow: {"REF": required}', "`REF` is no place", "850 REF"),
    "no such place": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        '  narrow: {"850 PO1/BEG": required}',
        "004010/850 has no PO1/BEG",
        "guides/004010/850.yaml",
    ),
    "widened": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        '  narrow: {"850 BEG-03": 1 to 99}',
        "the standard has 1 to 22",
        "guides/004010/850.yaml",
    ),
    # values
    "no duration": (INDUSTRY, "within: 4h", "within: 4 hours", "`4 hours` is no duration", "30m, 4h or 2d"),
    "no zone": (COMPANY, "zone: America/New_York", "zone: America/NewYork", "is no time zone", "America/New_York"),
    "no time of day": (COMPANY, 'parcel: "16:00"', 'parcel: "4pm"', "`4pm` is no time of day", "16:00"),
    "no date": (COMPANY, "2026-12-25", "25.12.2026", "`25.12.2026` is no date", "2026-12-25"),
    "no trading id": (PARTNER, '"ZZ:HARBORPINE"', "HARBORPINE", "`HARBORPINE` is no X12 trading id", '"ZZ:'),
    "id too long": (PARTNER, '"ZZ:HARBORPINE"', '"ZZ:HARBORANDPINEHOME"', "is no X12 trading id", "1 to 15"),
    "no document name": (PARTNER, "receive: x12/004010/850", "receive: 850", "`850` is no document name", "x12/004010"),
    "no pattern": (COMPANY, 'gln: "0614141000012"', "gln: 614", "`gln: 614` is not written as it must be", "gln: 06"),
    "no list": (COMPANY, "workdays: [mon, tue, wed, thu, fri]", "workdays: mon", "`workdays` needs a list", '["mon"]'),
    "no lines": (PARTNER, 'ids:\n  x12: ["ZZ:HARBORPINE"]', "ids: HARBORPINE", "`ids` needs lines of its own", "ids:"),
    "nothing": (PARTNER, "name: Harbor & Pine", "name:", "`name`: nothing stands there", "write e.g. `name"),
    "no number": (PARTNER, "  acknowledge: {within: 1h}", "  envelope: {max_documents: many}", "no whole number", "1"),
    "no truth": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        "  envelope: {ask_ta1: maybe}",
        "neither true nor false",
        "true",
    ),
    "too small": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        "  envelope: {max_documents: 0}",
        "`max_documents: 0` is less than 1",
        "at least 1",
    ),
    "same separators": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        '  envelope: {separators: {component: "*"}}',
        "same character",
        "its own",
    ),
    "unknown deviation": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        "  tolerate: {but: {segment-counts: warning}}",
        "no deviation is called `segment-counts`",
        "segment-count",
    ),
    # secrets
    "secret written out": (CONNECTIONS, "env:HARBOR_PINE_TOKEN", "hunter2", "a secret is written out", "env:NAME"),
    "reference to nothing": (CONNECTIONS, "env:HARBOR_PINE_TOKEN", "'env:'", "names nothing", "env:NAME"),
    "password in an address": (
        CONNECTIONS,
        "env:HARBOR_PINE_URL",
        "https://u:p@x.example/",
        "holds a password",
        "env:",
    ),
    # what is named must exist
    "no such company": (PARTNER, "our: northwind", "our: northwynd", "there is no company `northwynd`", "northwind?"),
    "no such industry": (PARTNER, "industry: retail", "industry: retale", "there is no industry `retale`", "retail?"),
    "no such connection": (
        PARTNER,
        "connection: harbor-pine\n",
        "connection: harbor\n",
        "no connection `harbor`",
        "harbor-pine",
    ),
    "no such map": (PARTNER, "map: x12-856-shipment", "map: x12-856-shipmnt", "there is no map", "x12-856-shipment"),
    "no such system": (
        PARTNER,
        "destinations: [erp, crm]",
        "destinations: [epr, crm]",
        "there is no system `epr`",
        "erp",
    ),
    "system that does nothing with it": (
        BLUE_RIDGE,
        "    map: x12-846-inventory\n    destinations: []",
        "    map: x12-846-inventory\n    destinations: [erp]",
        "nothing is done in `erp` with a document of kind inventory",
        "subscribes to the event",
    ),
    "system that cannot": (
        PARTNER,
        "destinations: [erp]             # opened",
        "destinations: [crm]             # opened",
        "nothing is done in `crm` with a document of kind return",
        "describe open_return in",
    ),
    "no such agreement": (PARTNER, "like: orders  ", "like: oders  ", "there is no agreement `oders` here", "orders"),
    "no such wire": (CONNECTIONS, "kind: directory", "kind: folder", "there is no wire `folder`", "directory"),
    "no such release": (
        PARTNER,
        "receive: x12/004010/850",
        "receive: x12/004011/850",
        "no guide for release",
        "004010",
    ),
    "no such set": (
        PARTNER,
        "receive: x12/004010/850",
        "receive: x12/004010/859",
        "no guide for x12/004010/859",
        "850",
    ),
    "map of another document": (
        PARTNER,
        "map: x12-856-shipment",
        "map: x12-810-invoice",
        "is for x12/004010/810",
        "name a map",
    ),
    "id of somebody else": (PARTNER, '"ZZ:HARBORPINE"', '"ZZ:NORTHWIND"', "already belongs to northwind", "one owner"),
    "id not theirs": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        '  envelope: {their_id: "ZZ:HARBORPINES"}',
        "is no id of harbor-pine",
        "ZZ:HARBORPINE",
    ),
    "no id at all": (PARTNER, '  x12: ["ZZ:HARBORPINE"]', '  gln: "0614141000036"', "harbor-pine has no X12 id", "ZZ:"),
    # what must fit together
    "lanes mixed": (
        PARTNER,
        "connection: harbor-pine-test",
        "connection: harbor-pine",
        "on a production connection",
        "-test",
    ),
    "test reaches production": (
        PARTNER,
        "    destinations: []",
        "    destinations: [erp]",
        "would reach `erp`",
        "test lane",
    ),
    "two directions": (
        PARTNER,
        "    receive: x12/004010/850",
        "    receive: x12/004010/850\n    send: x12/004010/850",
        "one direction",
        "either",
    ),
    "term of the other direction": (
        PARTNER,
        "    send: x12/004010/856",
        "    send: x12/004010/856\n    acknowledge: {with: none}",
        "means nothing where this agreement sends",
        "take `acknowledge` away",
    ),
    "the same twice": (
        PARTNER,
        "    connection: harbor-pine-folder",
        "    connection: harbor-pine",
        "about the same document",
        "take one away",
    ),
    "two minds": (
        PARTNER,
        "    connection: harbor-pine-folder",
        "    connection: harbor-pine-folder\n    duplicates: {control_number: ignore}",
        "differs from harbor-pine/orders",
        "under the partner's `terms:`",
    ),
    "round in a circle": (
        PARTNER,
        "  orders:\n",
        "  orders:\n    like: rush-orders\n",
        "goes round in a circle",
        "own lines",
    ),
    "no map to write by": (
        PARTNER,
        "    map: x12-855-order-response\n",
        "",
        "nothing says how this document is written",
        "map:",
    ),
    "file without a name": (PARTNER, "    receive: x12/004010/850", "    receive: csv/order", "no envelope", "files:"),
    "json unknown": (
        PARTNER,
        "    send: x12/004010/856\n    map: x12-856-shipment\n",
        "    send: json/shipmnt\n    map: ~\n",
        "has no document `shipmnt`",
        "shipment",
    ),
    "webhook without events": (
        CONNECTIONS,
        "kind: directory ",
        "kind: webhook ",
        "a webhook without events",
        "order.*",
    ),
    "like in a layer": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        "  like: orders",
        "`like` stands in agreements only",
        "write",
    ),
    # codes and units
    "row without a code": (CODES, "case: CA CS", "case: ", "`case` has no code", "write case: CODE"),
    "code of two words": (CODES, "case: CA CS", "case: PK", "PK is both case and pack", "first code of a word"),
    "table nobody has": (CODES, "  unit: {", "  units: {", "no map of theirs has a code table `units`", "unit"),
    "unknown part of codes": (CODES, "convert:", "converts:", "`converts` is no part", "convert: with a unit a line"),
    "no factor": (CODES, "pack: 6 each", "pack: six each", "says no factor and unit", "write pack: 6 each"),
    "unit nobody has": (CODES, "  pack: 6 each", "  pck: 6 each", "no unit of their maps is called `pck`", "pack"),
    "table to ask about": (
        JUNIPER,
        "codes: {units: [each]}",
        "codes: {ask: [units]}",
        "has no code table `units`",
        "unit",
    ),
    # schemas of theirs
    "no such schema": (
        FERNHILL,
        "schema: despatch.xsd",
        "schema: dispatch.xsd",
        "no schema `dispatch.xsd`",
        "despatch",
    ),
    "schema of another kind": (FERNHILL, "schema: despatch.xsd", "schema: advice.json", "no schema for xml", ".xsd"),
    "schema for X12": (
        PARTNER,
        "    map: x12-856-shipment",
        "    map: x12-856-shipment\n    schema: a.xsd",
        "nothing judges a x12 document by a schema",
        "take the line away",
    ),
    "schema of another document": (
        FERNHILL,
        "    map: xml-despatch",
        "    map: xml-ubl-despatch-advice",
        "declares no element {urn:oasis",
        "there are {urn:example:despatch:1}Despatch",
    ),
    "schema with a fault": (XSD, 'type="Scac" ', 'type="Skac" ', "Skac", "mend the schema"),
    "schema that breaks off": (XSD, "</xs:schema>", "", "is not XML", "editor"),
    "JSON Schema with a fault": (ADVICE, '"#/$defs/item"', '"#/$defs/itm"', "refers to #/$defs/itm", "there are"),
    # rules before sending
    "unknown rule": (
        JUNIPER,
        "asn_before_arrival: hold",
        "asn_after_arrival: hold",
        "`asn_after_arrival`",
        "asn_before",
    ),
    "weight of a rule": (JUNIPER, "asn_before_arrival: hold", "asn_before_arrival: stop", "is not a choice", "hold"),
    # shapes
    "lines for a word": (
        PARTNER,
        "    lane: production",
        "    lane: [a]",
        "`lane`: lines stand where",
        "production or",
    ),
    "lines for a document": (
        PARTNER,
        "receive: x12/004010/850",
        "receive: {a: b}",
        "`receive`: lines stand where one word belongs",
        "x12/004010/850",
    ),
    "lines for a duration": (
        INDUSTRY,
        "    ship_notice: 1h",
        "    ship_notice: [1h]",
        "`ship_notice`: lines stand",
        "30m",
    ),
    "an empty text": (PARTNER, "name: Harbor & Pine", 'name: ""', "`name`: nothing stands there", "write e.g."),
    "an empty list": (COMPANY, "workdays: [mon, tue, wed, thu, fri]", "workdays: []", "`workdays`: nothing", "mon"),
    "wrong in a list": (
        IRONHILL,
        'host_keys: ["SHA256',
        'host_keys: ["MD5',
        "`host_keys: MD5:",
        "host_keys: ",
    ),
    "not a choice of several": (JUNIPER_WIRES, "sign: sha256", "sign: sha1", "`sign: sha1` is not a choice", "sha256"),
    "map left empty": (PARTNER, "map: harbor-pine-850-order", "map:", "`map`: nothing stands there", "`~` where none"),
    "secret left empty": (CONNECTIONS, "bearer: env:HARBOR_PINE_TOKEN", "bearer:", "`bearer`: nothing", "its value"),
    "site in one word": (COMPANY, "{warehouse: summit}", "summit", "`reno` needs lines of its own", "{warehouse: "),
    # indents YAML has nothing against
    "too far left": (PARTNER, "  x12: [", "x12: [", "`x12` means nothing here", "belongs under `ids:`"),
    "term at the left edge": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        "acknowledge: {within: 1h}",
        "`acknowledge` means nothing here",
        "belongs under `terms:`",
    ),
    "term a level too high": (
        PARTNER,
        "  acknowledge: {within",
        "  within: 2h\n  acknowledge: {within",
        "`within` means nothing here",
        "`acknowledge:` or `confirm:`",
    ),
    "line of an agreement beside it": (
        PARTNER,
        "    destinations: [erp, crm]",
        "  destinations: [erp, crm]",
        "`destinations` stands where an agreement belongs",
        "indent it like its lines",
    ),
    "no heading": (PARTNER, "agreements:\n", "", "`orders` means nothing here", "indented under `agreements:`"),
    "first line indented": (PARTNER, "name: Harbor", " name: Harbor", "begins further left", "left edge"),
    "like several": (PARTNER, "like: orders  ", "like: [orders]  ", "`like` names one agreement", "write invoices"),
    # YAML
    "star": (
        "partners/harbor-pine/connections.yaml",
        'pattern: "*.edi"',
        "pattern: *.edi",
        "a `*` or `&` stands in this line",
        "in quotes",
    ),
    "tab": (PARTNER, "    our: northwind", "\tour: northwind", "a tab stands where spaces belong", "two spaces"),
    "second colon": (PARTNER, "name: Harbor & Pine", "name: Harbor: Pine", "a second `:` stands", "quotes"),
    "no YAML": (PARTNER, 'x12: ["ZZ:HARBORPINE"]', "x12: @ZZ", "begins with a sign", "quotes"),
    "open bracket": (
        PARTNER,
        'x12: ["ZZ:HARBORPINE"]',
        'x12: ["ZZ:HARBORPINE"',
        "a bracket that opens in",
        "[one, two]",
    ),
    "no scheme": (
        CONNECTIONS,
        "  bearer: env:HARBOR_PINE_TOKEN",
        "  bearer: env:X\nnobody:\n  kind: http\n  lane: test\n  url: edi.example.com/in",
        "`url`: this is no address of HTTP",
        "https://edi.example.com/in",
    ),
    "open quote": (
        PARTNER,
        "name: Harbor & Pine",
        'name: "Harbor & Pine',
        "does not go with those above it",
        "a quote",
    ),
    "quote open to the end": (
        PARTNER,
        "    map: harbor-pine-850-order",
        "    map: 'x",
        "a quote that opens in",
        "close it",
    ),
    "no blank behind a colon": (
        PARTNER,
        "    lane: production\n",
        "    lane:production\n",
        "is no `key: value`",
        "a space",
    ),
    "deeper": (PARTNER, "    lane: production\n", "      lane: production\n", "is indented deeper", "neighbours"),
    "less deep": (PARTNER, "    lane: production\n", "   lane: production\n", "does not go with those", "neighbours"),
    "no-break spaces": (PARTNER, "    our: northwind", "\u00a0   our: northwind", "no-break spaces stand", "anew"),
    "second document": (PARTNER, "agreements:\n", "---\nagreements:\n", "begins a second document", "take the line"),
    "anchor of nobody": (PARTNER, "agreements:\n", "agreements: &all\n", "anchors", "write the value"),
    "alias of nobody": (PARTNER, "industry: retail", "industry: *retail", "anchors", "write the value"),
    "choice of nothing": (
        PARTNER,
        "    lane: production",
        "    lane:",
        "`lane`: nothing stands there",
        "production or",
    ),
    "one for a list": (PARTNER, 'x12: ["ZZ:HARBORPINE"]', 'x12: "ZZ:HARBORPINE"', "needs a list", '["ZZ:HARBORPINE"]'),
    "twice": (PARTNER, "industry: retail", "name: Other\nindustry: retail", "`name` is written twice", "keep one"),
    "anchor": (
        PARTNER,
        "  acknowledge: {within: 1h}",
        "  acknowledge: &a {within: 1h}\n  confirm: *a",
        "anchors",
        "write the value",
    ),
    "tag": (PARTNER, "name: Harbor & Pine", "name: !!python/name:os.system x", "tags are not used", "write the value"),
    "merge key": (
        PARTNER,
        "    like: orders  ",
        "    <<: {lane: test}\n    like: orders  ",
        "merge keys",
        "like: NAME",
    ),
    "bad name": (PARTNER, "  rush-orders:", "  Rush Orders:", "`Rush Orders` is no name", "small letters"),
    "says nothing": (
        PARTNER,
        "  invoices-test:\n    like: invoices\n    lane: test\n    connection: harbor-pine-test\n",
        "  invoices-test:\n",
        "says nothing",
        "under it",
    ),
    # systems
    "system without lane": (ERP, "lane: production", "lane: prod", "does not say which system", "lane: test"),
    "system with a fault": (ERP, "read: 10s", "read: soon", "`soon` is no duration", "4h"),
    # maps
    "map with a tab": ("maps/x12-850-order.yaml", "  BEG03: ", "\tBEG03: ", "a tab stands", "two spaces"),
    "map that breaks off": (
        "maps/x12-850-order.yaml",
        "uses: x12-common",
        "uses: [x12-common",
        "a bracket that opens",
        "[one, two]",
    ),
    "map of nothing": (
        "maps/harbor-pine-850-order.yaml",
        "extends: x12-850-order",
        "extends: x12-850",
        "no map",
        "x12",
    ),
    "map in a circle": (
        "maps/harbor-pine-850-order.yaml",
        "extends: x12-850-order",
        "extends: harbor-pine-850-order",
        "extends itself",
        "",
    ),
    "map with a fault": (
        "maps/x12-850-order.yaml",
        "BEG03: order_number",
        "BEG03: order_nubmer",
        "order_nubmer",
        "order_number",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_shown_where_it_stands_and_how_to_mend_it(kind: str) -> None:
    file, old, new, said, offered = MISTAKES[kind]
    files = changed(file, old, new)
    faults = faults_in(files)
    wanted = [f for f in faults if said in f.text and offered in f.remedy and f.file == file]
    assert wanted, "\n".join(map(str, faults)) or "no fault"
    line = files[file][: files[file].index(new)].count("\n") + 1 if new else 1
    span = range(line, line + new.count("\n") + 1)
    if kind not in ELSEWHERE:
        assert any(fault.line in span for fault in wanted), (line, wanted)


# Faults of something that is absent, or of two things together, stand where a person would look for them first.
ELSEWHERE = {
    "open quote",
    "missing key",
    "missing in an agreement",
    "no id at all",
    "test reaches production",
    "lanes mixed",
    "two directions",
    "the same twice",
    "round in a circle",
    "no map to write by",
    "webhook without events",
    "says nothing",
    "system without lane",
    "no YAML",
    "id not theirs",
    "two minds",
    "schema of another document",
    "schema that breaks off",
    "map that breaks off",
    "no heading",
    "first line indented",
}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (PARTNER, "    like: orders  ", "    likex: orders  "),
        (PARTNER, "    our: northwind", "    ourx: northwind"),
        (PARTNER, "    like: order-responses", "    like: {a: b}"),
        (PARTNER, "    lane: production\n", ""),
        (COMPANY, "  tolerate: standard", "  tolerate: 12"),
        (IRONHILL, 'host_keys: ["SHA256', 'host_keys: ["MD5'),
        (ERP, "operations:", "operationz:"),
    ],
)
def test_one_mistake_is_one_fault(file: str, old: str, new: str) -> None:
    """What follows from it alone is not said: whoever reads the list mends the first and wonders about the rest."""
    (fault,) = [one for one in faults_in(changed(file, old, new)) if one.file == file]
    assert fault.remedy


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (CONNECTIONS, "partners/harbor-pine/connection.yaml"),
        (CONNECTIONS, "partners/harbor-pine/wires/connections.yaml"),
        (PARTNER, "partners/harbor-pine/parnter.yaml"),
        (BLUE_RIDGE, "partners/blue-ridge/partners.yaml"),
        (COMPANY, "partners/northwind/companies.yaml"),
    ],
)
def test_a_misspelt_file_makes_no_faults_elsewhere(right: str, wrong: str) -> None:
    files = dict(FILES)
    files[wrong] = files.pop(right)
    (fault,) = faults_in(files)
    assert (fault.file, fault.text) == (wrong, "nothing reads this file")
    assert right.rpartition("/")[2] in fault.remedy


LIBRARY_WORDS = ("input should", "instance of", "valid", "at least 1 item", "[", "this is no YAML", "None")


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["", " [a, b]", " {a: b}", None])
@pytest.mark.parametrize(
    "file", [PARTNER, CONNECTIONS, COMPANY, INDUSTRY, ERP, CODES, IRONHILL, JUNIPER_WIRES], ids=lambda name: name[9:]
)
def test_whatever_is_mistaken_is_said_in_our_words(file: str, shape: str | None) -> None:
    """Each key once, with something else behind it or without its line: a place, a sentence, a remedy."""
    owners = (file.rpartition("/")[0], "partners/northwind/company", "partners/industries")
    few = {name: text for name, text in FILES.items() if name.startswith(owners)}
    lines = FILES[file].split("\n")
    keys = {line.split(":")[0].strip(): n for n, line in enumerate(lines) if ":" in line and "#" not in line[:1]}
    for n in keys.values():
        wrong = [] if shape is None else [f"{lines[n].split(':')[0]}:{shape}"]
        for fault in faults_in({**few, file: "\n".join([*lines[:n], *wrong, *lines[n + 1 :]])}):
            said = str(fault)
            assert fault.remedy, said
            assert not [word for word in LIBRARY_WORDS if word in fault.text], said


def test_the_example_has_no_faults() -> None:
    assert faults_in(FILES) == []


@pytest.mark.parametrize("wrong", ["zone: Mars/Base", "zone: [", "zone: \udce9"])
@pytest.mark.parametrize("file", [COMPANY, PARTNER, CONNECTIONS, INDUSTRY, ERP])
def test_a_file_with_a_fault_makes_no_faults_elsewhere(file: str, wrong: str) -> None:
    """What others look for in it may stand there."""
    faults = faults_in({**FILES, file: FILES[file] + f"\n{wrong}\n"})
    assert {fault.file for fault in faults} == {file}


def test_a_secret_is_never_repeated() -> None:
    faults = faults_in(changed(CONNECTIONS, "env:HARBOR_PINE_TOKEN", "hunter2"))
    assert faults
    assert "hunter2" not in "".join(map(str, faults))


@pytest.mark.parametrize("line", ["industry: retail", "    lane: production", "    map: x12-856-shipment"])
def test_a_very_long_value_is_said_by_how_it_begins(line: str) -> None:
    key = line.partition(":")[0]
    (fault,) = faults_in(changed(PARTNER, line, f"{key}: {'x' * 5000}"))
    assert "xxx...`" in fault.text
    assert len(fault.text) < 120


def test_one_fault_of_a_layer_is_said_once() -> None:
    faults = faults_in(changed(INDUSTRY, "within: 4h", "within: soon"))
    assert [str(fault.line) for fault in faults] == ["4"]


@pytest.mark.parametrize(
    "file", ["partners/harbor-pine/parnter.yaml", "partners/harbor-pine/a/b/c.yaml", "partners/x.yaml"]
)
def test_a_file_nothing_reads_is_a_fault(file: str) -> None:
    (fault,) = faults_in({**FILES, file: "a: b"})
    assert (fault.file, fault.text) == (file, "nothing reads this file")
    assert "systems stand in systems/" in fault.remedy


@pytest.mark.parametrize(
    ("text", "said"), [("", "empty"), ("- a\n", "not a mapping"), ("[" * 5000, "nested too deeply"), ("a: " * 3, "")]
)
def test_a_file_of_another_shape(text: str, said: str) -> None:
    faults = faults_in({**FILES, INDUSTRY: text})
    assert any(fault.file == INDUSTRY and said in fault.text for fault in faults)


def test_what_is_never_closed_is_shown_in_a_line_that_is_there() -> None:
    (fault,) = faults_in({**FILES, PARTNER: "name: [\n\n"})
    assert (fault.file, fault.line) == (PARTNER, 1)
    assert "a bracket that opens in it is not closed" in fault.text


def test_deep_nesting_is_refused() -> None:
    deep = "".join(f"{'  ' * n}a:\n" for n in range(40))
    assert any("nested too deeply" in fault.text for fault in faults_in({**FILES, INDUSTRY: deep}))


def test_two_connections_of_one_name_name_both_places() -> None:
    other = "partners/northwind/connections.yaml"
    faults = faults_in({**FILES, other: "harbor-pine:\n  kind: http\n  lane: test\n  url: env:X\n"})
    assert any(f.text == "connection `harbor-pine` is declared twice" and CONNECTIONS in f.remedy for f in faults)


def test_two_systems_of_one_name() -> None:
    faults = faults_in({**FILES, "partners/northwind/systems/erp2.yaml": FILES[ERP]})
    assert any("is described twice" in f.text and "erp_test" in f.remedy for f in faults)


def test_nearest_lists_few_choices_and_samples_many() -> None:
    assert nearest("x", ["a", "b"]) == "write a or b"
    assert nearest("x", []) == "there is none yet"
    assert nearest("zz", [f"name{n}" for n in range(20)]).startswith("write one of 20 names")


def test_two_as2_connections_between_the_same_names() -> None:
    """A message could belong to either, and to either lane: nobody would find out before it came."""
    wire = "  kind: as2\n  lane: {}\n  our_as2_name: US\n  their_as2_name: Them\n  require_signed: false\n"
    wire += "  require_encrypted: false\n"
    both = f"their-as2:\n{wire.format('production')}their-as2-test:\n{wire.format('test')}"
    faults = faults_in({**FILES, CONNECTIONS: FILES[CONNECTIONS] + both})
    (fault,) = [one for one in faults if "the same two AS2 names" in one.text]
    assert (fault.file, fault.line) == (CONNECTIONS, FILES[CONNECTIONS].count("\n") + 12)
    assert "agree on another name" in fault.remedy


@pytest.mark.parametrize("file", [PARTNER, CODES, "maps/x12-850-order.yaml", XSD])
@pytest.mark.parametrize("byte", [b"\xfc", b"\x00"])
def test_what_is_no_text_is_a_fault_where_it_stands(file: str, byte: bytes, tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        path.write_bytes(data.replace(b"\n", b" # M" + byte + b"ller\n", 1) if name == file else data)
    faults = faults_in(texts(tmp_path / "partners", tmp_path / "maps"))
    (fault,) = [one for one in faults if one.file == file]
    assert (fault.line, fault.text) == (1, f"byte {byte.hex().upper()} is no UTF-8 text")
    assert "save the file as UTF-8" in fault.remedy


def test_a_mark_and_line_ends_of_another_machine_make_no_difference(tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xef\xbb\xbf" + text.encode().replace(b"\n", b"\r\n"))
    assert texts(tmp_path / "partners", tmp_path / "maps") == FILES


def test_files_of_nobody_are_a_fault() -> None:
    files = {name: text for name, text in FILES.items() if name != "partners/mesa/partner.yaml"}
    (fault,) = [one for one in faults_in(files) if one.file == "partners/mesa/connections.yaml"]
    assert "belongs to no partner and no company" in fault.text
    assert "partner.yaml" in fault.remedy
