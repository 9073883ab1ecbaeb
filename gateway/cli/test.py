"""`gateway test`: do our maps mean what we think? Load checks, lint, round trips, approved cases."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.profiles import folders, written
from gateway.cli.stop import Stop
from gateway.mapping import Library, MapFaults
from gateway.mapping.judge import Case, Verdict, judge, read_usual
from gateway.partners.book import examine
from gateway.partners.faults import nearest

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Judged:
    """One map before its judges."""

    map: str
    faults: tuple[str, ...] = ()
    verdict: Verdict | None = None

    @property
    def good(self) -> bool:
        return self.verdict is not None and self.verdict.good and self.verdict.cases > 0


@app.command(name="test")
def judge_maps(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PARTNER|MAP]...", help="Partners or maps; every map by default.")
    ] = None,
    documents: Annotated[int, typer.Option(min=1, help="How many generated documents go round each map.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a map.")] = False,
) -> None:
    """Judge maps: by themselves, by generated documents, and by cases a person approved.

    Cases stand in sample_docs/maps/MAP/CASE/ beside the folder of maps: document.* and canonical.json.
    Exit code 0: every map holds and has an approved case. 1: not so.
    """
    said, library, _ = examine(written())
    wanted = _maps(
        names or [], library, {p: [a.map for a in said.agreements.values() if a.partner == p] for p in said.partners}
    )
    usual = read_usual(library.files["usual.yaml"]) if "usual.yaml" in library.files else {}
    cases = folders()["maps"].parent / "sample_docs" / "maps"
    judged = [_judge(library, name, list(_cases(cases / name)), usual, documents) for name in wanted]
    for one in judged:
        print(json.dumps(_plain(one)) if as_json else _lines(one))
    good = sum(one.good for one in judged)
    if not as_json:
        print(f"{good} of {len(judged)} maps hold.")
    if good < len(judged):
        raise typer.Exit(1)


def _maps(names: list[str], library: Library, partners: dict[str, list[str | None]]) -> list[str]:
    """The maps that names mean: a map is itself, a partner is all maps of its agreements."""
    known = library.names()
    if not names:
        return known
    found: dict[str, None] = {}
    for name in names:
        if name in partners:
            found |= dict.fromkeys(map_name for map_name in partners[name] if map_name)
        elif name in known:
            found[name] = None
        else:
            raise Stop(f"{name!r} is neither a partner nor a map: {nearest(name, [*partners, *known])}")
    return list(found)


def _cases(folder: Path) -> Iterable[Case]:
    for case in sorted(folder.iterdir()) if folder.is_dir() else ():
        document, canonical = next(case.glob("document.*"), None), case / "canonical.json"
        if document is not None and canonical.is_file():
            yield Case(case.name, document.read_bytes(), canonical.read_text("utf-8"))


def _judge(library: Library, name: str, cases: list[Case], usual: dict[str, frozenset[str]], documents: int) -> Judged:
    try:
        chart = library.map(name)
    except MapFaults as found:
        return Judged(name, tuple(map(str, found.faults)))
    return Judged(name, (), judge(chart, cases, usual, documents=documents))


def _plain(one: Judged) -> dict[str, object]:
    return {"map": one.map, "good": one.good, "faults": one.faults, **(asdict(one.verdict) if one.verdict else {})}


def _lines(one: Judged) -> str:
    """What a person reads of one map: one line if all is well, and under it what is not."""
    verdict = one.verdict
    if verdict is None:
        return "\n".join([f"{one.map}: cannot be used", *(f"  {fault}" for fault in one.faults)])
    head = f"{one.map}: {'holds' if one.good else 'does not hold'}"
    head += f"; {verdict.trips} round trips, {verdict.cases} approved cases, {verdict.lost} values declared lost"
    problems = [*verdict.unusual, *verdict.broken_trips, *verdict.broken_cases]
    if not verdict.cases:
        problems.append("no approved case: nobody has said yet that this map means the right thing")
    untouched = [f"no case touches {line}" for line in verdict.unexercised]
    return "\n".join([head, *(f"  {line}" for line in (*problems, *untouched))])
