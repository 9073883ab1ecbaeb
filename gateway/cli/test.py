"""`gateway test`: do our maps mean what we think, does a partner's profile carry an order to cash, what is missing?

Maps: load checks, lint, round trips, approved cases. Partners: their maps, a rehearsal with a simulated partner made
from the profile (story/rehearsal.py), and the checklist of what must be there before production (readiness.py).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.profiles import folders, written
from gateway.cli.readiness import checklist
from gateway.cli.stop import Stop
from gateway.cli.story.parties import StoryFailed
from gateway.cli.story.rehearsal import Rehearsal, Step, rehearse
from gateway.mapping import Library, MapFaults
from gateway.mapping.judge import Case, Verdict, judge, read_usual
from gateway.partners.book import examine
from gateway.partners.faults import Fault, ProfileFaults, nearest
from gateway.pipeline.proofreading import proofread

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
    maps_only: Annotated[bool, typer.Option("--maps-only", help="Of a partner only the maps; no rehearsal.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Also fail while a point of the go-live checklist is not met.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a map and a partner.")] = False,
) -> None:
    """Judge maps and rehearse with partners.

    A map is judged by itself, by generated documents, and by cases a person approved: sample_docs/maps/MAP/CASE/ beside
    the folder of maps holds document.* and canonical.json. With a partner, order to cash is played on loopback over the
    wires of its profile, by the gateway and a simulated partner; then comes what is missing before production.
    Exit code 0: every map holds and has an approved case, and every step was played. 1: not so.
    """
    said, library, faults = examine(written())
    if theirs := [
        fault for fault in faults if fault.file.startswith(tuple(f"partners/{name}/" for name in names or ()))
    ]:
        raise _faulty(theirs)
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
        print(f"{good} of {len(judged)} maps hold." if judged else NO_MAPS)
    partners = [] if maps_only else [name for name in names or [] if name in said.partners]
    ready = [_partner(name, judged, as_json=as_json, live=live) for name in partners]
    if good < len(judged) or not all(ready):
        raise typer.Exit(1)


def _partner(name: str, judged: list[Judged], *, as_json: bool, live: bool) -> bool:
    """Rehearse with a partner, print what came of it and what is missing; whether it held."""
    try:
        book = proofread(written())
    except ProfileFaults as faults:
        raise _faulty(faults.faults) from None
    with tempfile.TemporaryDirectory(prefix="gateway-test-") as folder:
        try:
            played = rehearse(book.files, name, Path(folder))
        except StoryFailed as failed:
            played = Rehearsal(name, "test", (), [Step("The gateway and the partner start", False, str(failed))])
    points = checklist(book, name)
    steps, unmet = played.steps, [point for point in points if point.state != "met"]
    good = sum(step.held for step in steps) + sum(one.good for one in judged) + len(points) - len(unmet)
    score = 100 * good // max(1, len(steps) + len(judged) + len(points))
    held = played.held and not (live and unmet)
    if as_json:
        plain: dict[str, object] = {"partner": name, "good": held, "score": score, "lane": played.lane}
        plain["wires"] = played.wires
        plain |= {"steps": [asdict(step) for step in steps], "notes": played.notes}
        print(json.dumps({**plain, "checklist": [asdict(point) for point in points]}))
        return held
    print(f"\n{name}, order to cash in the {played.lane} lane{played.over}:")
    for line in played.lines():
        print(line)
    print(f"\n{name}, before production:")
    for point in points:
        print(f"  {MARKS[point.state]}  {point.what}" + (f": {point.todo}" if point.todo else ""))
    print(f"\n{name}: {score} of 100; {len(points) - len(unmet)} of {len(points)} points of the checklist are met.")
    return held


def _faulty(faults: Sequence[Fault]) -> Stop:
    return Stop("the profiles have faults:\n" + "\n".join(map(str, faults)))


NO_MAPS = "No map stands between: what they exchange with us is our own JSON."
MARKS = {"met": "[x]", "missing": "[ ]", "open": "[?]"}


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
