"""From the texts of `partners/` to companies, connections, partners and agreements: one pass, every fault.

partners/<company>/company.yaml         us
partners/<partner>/partner.yaml         them, and what we agreed on
partners/<partner>/codes.yaml           what their codes and units mean; codes/<table>.csv the same as a table
partners/<partner>/schemas/<name>       their XSD or JSON Schema of a document
partners/<partner>/answers.yaml         rows people answered at a work item; written by the gateway
partners/<either>/connections.yaml      wires
partners/<either>/systems/*.yaml        ERP, CRM, warehouse
partners/industries/<industry>.yaml     terms many share
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from pathlib import PurePosixPath

from gateway.partners.agreement import IDENTITY, Agreement
from gateway.partners.checking import COMMON, judge
from gateway.partners.company import Company
from gateway.partners.connection import Connection
from gateway.partners.faults import Fault, ProfileFaults, nearest
from gateway.partners.partner import Industry, Partner
from gateway.partners.reading import Node, Place, layered, read
from gateway.partners.system import System
from gateway.partners.terms import RECEIVING, SENDING, Terms

PRESET = "gateway/partners/presets/standard.yaml"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FILES = ("company.yaml", "partner.yaml", "connections.yaml", "codes.yaml", "answers.yaml")
NEEDS_SOMEBODY = ("connections.yaml", "codes.yaml", "answers.yaml")
SCHEMAS = (".xsd", ".json")
CODES = ("codes.yaml", "answers.yaml")  # after codes/*.csv; an answer beats what was written before


@cache
def standard() -> Node:
    """The lowest layer: what holds when nobody says otherwise."""
    text = (resources.files("gateway.partners") / "presets" / "standard.yaml").read_text("utf-8")
    return read(PRESET, text, "standard")


@cache
def standard_terms() -> Terms:
    """The standard terms, of a partner with whom nothing is agreed yet."""
    return Terms.model_validate(standard().plain())


@dataclass(slots=True)
class Loaded:
    """Everything the files say, and the lines each thing was made from."""

    files: Mapping[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    companies: dict[str, Company] = field(default_factory=dict)
    partners: dict[str, Partner] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    systems: dict[str, System] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    lines: dict[tuple[str, str], Node] = field(default_factory=dict)  # (what, name) -> its lines
    layers: dict[tuple[str, str], Node] = field(default_factory=dict)  # (company|industry|partner, name) -> its terms
    misnamed: list[str] = field(default_factory=list)  # the names some files nothing reads were probably meant to have
    blanks: list[Fault] = field(default_factory=list)  # keys without a value, where none must stand

    def whole(self, *files: str) -> bool:
        """Whether what these files do not say is missing: one with a fault of its own, or misnamed, may well say it."""
        doubtful = {*(fault.file for fault in self.faults), *self.misnamed}
        return not any(fnmatchcase(name, f"partners/{file}") for name in doubtful for file in files)


def load(files: Mapping[str, str], garbled: Iterable[Fault] = ()) -> Loaded:
    """Everything in the files under `partners/`; faults are collected, not raised. The garbled are not among them."""
    said = Loaded(files, faults=list(garbled))
    trees: dict[PurePosixPath, Node] = {}
    for name in sorted(files):
        path = PurePosixPath(name)
        if path.parts[0] != "partners" or not _is_ours(path, said):
            continue
        if path.suffix in (".csv", *SCHEMAS):
            continue
        try:
            trees[path] = read(name, files[name])
            said.blanks += [place.fault(*_blank(key)) for key, place in trees[path].blanks()]
        except ProfileFaults as found:
            said.faults += found.faults
    # What others refer to comes first: industries, then companies, then partners.
    for path, tree in sorted(trees.items(), key=lambda entry: (entry[0].parts[1] != "industries", entry[0].name)):
        owner = path.parts[1]
        if owner == "industries":
            _industry(said, path.stem, tree)
        elif path.name == "company.yaml":
            _company(said, owner, tree)
        elif path.name == "partner.yaml":
            _partner(said, owner, tree)
        elif path.name == "connections.yaml":
            _connections(said, owner, tree)
        elif path.name in CODES:
            continue  # as it stands, by mapping/rows.py
        else:
            _system(said, owner, tree, str(path), files[str(path)])
    for partner in list(said.partners):
        _agreements(said, partner)
    for path in trees:
        somebody = [f"{path.parts[1]}/{name}" for name in ("partner.yaml", "company.yaml")]
        here = any(f"partners/{name}" in files for name in somebody)
        if path.name in NEEDS_SOMEBODY and not here and said.whole(*somebody):
            text = f"nobody is in {path.parent}: this file belongs to no partner and no company"
            said.faults.append(Fault(str(path), 1, text, "write partner.yaml beside it, or take the folder away"))
    return said


def _blank(key: str) -> tuple[str, str]:
    return f"`{key}`: nothing stands there", "write its value, `~` where none is meant, or take the line away"


def _is_ours(path: PurePosixPath, said: Loaded) -> bool:
    known = (
        (len(path.parts) == 3 and (path.name in FILES or path.parts[1] == "industries"))
        or (len(path.parts) == 4 and path.parts[2] == "systems")
    ) and path.suffix == ".yaml"
    known |= len(path.parts) == 4 and path.parts[2] == "codes" and path.suffix == ".csv"
    known |= len(path.parts) == 4 and path.parts[2] == "schemas" and path.suffix in SCHEMAS
    if not known:
        remedy = nearest(path.name, FILES) + "; systems stand in systems/, industries in industries/, "
        remedy += "tables in codes/, schemas in schemas/"
        said.faults.append(Fault(str(path), 1, "nothing reads this file", remedy))
        said.misnamed += [f"partners/{path.parts[1]}/{name}" for name in get_close_matches(path.name, FILES)]
    elif not NAME.fullmatch(path.parts[1]):
        said.faults.append(Fault(str(path), 1, f"`{path.parts[1]}` is no name", "use small letters, digits and dashes"))
    return known


def _named(tree: Node, what: str, faults: list[Fault]) -> Iterable[tuple[str, Node]]:
    """The entries of a mapping whose keys are names."""
    for name, node in (tree.children or {}).items():
        if not NAME.fullmatch(name):
            faults.append(node.place.fault(f"`{name}` is no name for {what}", "use small letters, digits and dashes"))
        elif node.blank:
            faults.append(node.place.fault(f"{what} `{name}` says nothing", "write its lines under it, indented"))
        elif node.children is None:
            remedy = f"{what} has lines of its own; if `{name}` belongs to the one above, indent it like its lines"
            faults.append(node.place.fault(f"`{name}` stands where {what} belongs", remedy))
        else:
            yield name, node


def _terms(said: Loaded, layer: str, name: str, tree: Node) -> None:
    """A layer's own terms, judged on top of the standard so that a fault shows even if no agreement uses them."""
    terms = tree.child("terms")
    if terms is None or terms.children is None:
        return
    terms = _spelled_out(terms.in_layer(layer))
    if (node := terms.child("like")) is not None:
        said.faults.append(node.place.fault("`like` stands in agreements only", "write the lines out"))
    judge(Terms, layered(standard(), terms), said.faults)
    said.layers[layer, name] = terms.without(*(key for key in terms.children or {} if key not in Terms.model_fields))


def _industry(said: Loaded, name: str, tree: Node) -> None:
    judge(Industry, tree, said.faults)
    said.layers["industry", name] = Node(tree.place, children={})
    _terms(said, "industry", name, tree)


def _company(said: Loaded, name: str, tree: Node) -> None:
    company = judge(Company, tree, said.faults, id=name)
    said.lines["company", name] = tree
    _terms(said, "company", name, tree)
    if company is not None:
        said.companies[name] = company


def _partner(said: Loaded, name: str, tree: Node) -> None:
    partner = judge(Partner, tree, said.faults, id=name)
    said.lines["partner", name] = tree
    _terms(said, "partner", name, tree)
    if partner is None:
        return
    said.partners[name] = partner
    file = f"industries/{partner.industry}.yaml"
    if partner.industry and ("industry", partner.industry) not in said.layers and said.whole(file):
        known = [industry for layer, industry in said.layers if layer == "industry"]
        place = tree.at(("industry",))
        said.faults.append(place.fault(f"there is no industry `{partner.industry}`", nearest(partner.industry, known)))


def _connections(said: Loaded, owner: str, tree: Node) -> None:
    for name, node in _named(tree, "a connection", said.faults):
        if (other := said.lines.get(("connection", name))) is not None:
            remedy = f"first at {other.place}; give one of them another name"
            said.faults.append(node.place.fault(f"connection `{name}` is declared twice", remedy))
            continue
        said.lines["connection", name] = node
        own = node.without(*(key for key in node.children or {} if key not in COMMON))
        settings = node.without(*COMMON).plain()
        made = judge(
            Connection, Node(node.place, children=own.children), said.faults, name=name, owner=owner, settings=settings
        )
        if made is None:
            continue
        said.connections[name] = made
        if (made.kind == "webhook") != bool(made.events):
            text = "a webhook without events" if made.kind == "webhook" else "events are for webhooks"
            said.faults.append(
                node.at(("events",)).fault(text, 'write e.g. `events: ["order.*"]` under `kind: webhook`')
            )


def _system(said: Loaded, owner: str, tree: Node, file: str, text: str) -> None:
    name, lane = tree.word("system"), tree.word("lane")
    if name is None or lane not in ("production", "test"):
        remedy = "write `system: NAME` and `lane: production` or `lane: test` at its top"
        said.faults.append(tree.place.fault("the file does not say which system it is, or for which lane", remedy))
    elif (other := said.systems.get(name)) is not None:
        remedy = f"also in {other.file}; give one of them another name, e.g. {name}_test"
        said.faults.append(tree.at(("system",)).fault(f"system `{name}` is described twice", remedy))
    else:
        operations = tree.child("operations")
        supports = frozenset(operations.children or () if operations else ())
        said.systems[name] = System(name, owner, lane, supports, file, text)
        said.lines["system", name] = tree


def _agreements(said: Loaded, partner: str) -> None:
    written = said.lines["partner", partner].child("agreements") or Node(Place("", 1))
    entries = dict(_named(written, "an agreement", said.faults))
    for key, own in entries.items():
        chain = _like(key, entries, said.faults)
        if chain is None:
            continue
        lines = chain[0]
        for upper in chain[1:]:
            lines = _over(lines, upper)
        name = f"{partner}/{key}"
        sends = lines.child("send") is not None
        for term in sorted((RECEIVING if sends else SENDING) & set(own.children or ())):
            way = "sends" if sends else "receives"
            remedy = f"take `{term}` away, or move it to an agreement that {'receives' if sends else 'sends'}"
            said.faults.append(own.at((term,)).fault(f"`{term}` means nothing where this agreement {way}", remedy))
        lines = layered(_below(said, partner, lines), lines)
        said.lines["agreement", name] = lines
        made = judge(Agreement, lines, said.faults, inherits=len(chain) > 1, name=name, partner=partner)
        if made is not None:
            said.agreements[name] = made


def _spelled_out(terms: Node) -> Node:
    """`tolerate: lenient` is short for a preset alone; `confirm: none` reads better than `confirm: ~`."""
    children = dict(terms.children or {})
    for key, node in children.items():
        if key == "tolerate" and node.text is not None:
            children[key] = Node(node.place, children={"preset": node})
        elif key == "confirm" and node.text == "none":
            children[key] = Node(node.place)
    return Node(terms.place, children=children)


def _over(below: Node, upper: Node) -> Node:
    """What `like` brings, under the agreement's own lines; the other direction's document does not come along."""
    other = "receive" if upper.child("send") is not None else "send" if upper.child("receive") is not None else "like"
    return layered(below.without("like", other), upper)


def _like(key: str, entries: Mapping[str, Node], faults: list[Fault]) -> list[Node] | None:
    """The agreement and those it is like, the deepest first."""
    chain: list[Node] = []
    seen: list[str] = []
    while True:
        node = _spelled_out(entries[key].in_layer("agreement"))
        chain.insert(0, node)
        seen.append(key)
        place, said = node.at(("like",)), node.child("like")
        if said is None or said.plain() is None:
            return chain
        if (like := said.text) is None:
            faults.append(place.fault("`like` names one agreement", nearest("", set(entries) - {key})))
            return None
        if like in seen:
            faults.append(place.fault(f"`like: {like}` goes round in a circle", "let one of them say its own lines"))
            return None
        if like not in entries:
            faults.append(place.fault(f"there is no agreement `{like}` here", nearest(like, set(entries) - {key})))
            return None
        key = like


def _below(said: Loaded, partner: str, lines: Node) -> Node:
    """Standard, company, industry and partner, in this order; later ones win."""
    them = said.partners.get(partner)
    below = standard()
    for layer, name in (
        ("company", lines.word("our")),
        ("industry", them.industry if them else None),
        ("partner", partner),
    ):
        if name is not None and (terms := said.layers.get((layer, name))) is not None:
            below = layered(below, terms)
    return below


def identity(lines: Node) -> list[tuple[str, str, Place]]:
    """What an agreement is about, before its terms."""
    return [(key, text, place) for key, text, place in lines.leaves() if key in IDENTITY]


def code_files(partner: str, files: Mapping[str, str]) -> list[tuple[str, str]]:
    """The files with a partner's own rows of code tables, later ones over earlier ones."""
    folder = f"partners/{partner}/"
    tables = sorted(name for name in files if name.startswith(f"{folder}codes/"))
    return [(name, files[name]) for name in (*tables, *(folder + name for name in CODES)) if name in files]


def schema_files(partner: str, files: Mapping[str, str]) -> dict[str, str]:
    """The schemas in a partner's folder, by name."""
    folder = f"partners/{partner}/schemas/"
    return {name.removeprefix(folder): text for name, text in files.items() if name.startswith(folder)}
