"""`gateway diff`: a changed profile or map run over what has passed through, before it is published."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from gateway.cli.opening import opened_store
from gateway.cli.profiles import wanted
from gateway.cli.stop import Stop
from gateway.cli.times import instant, rfc3339
from gateway.partners.book import Book
from gateway.partners.faults import ProfileFaults
from gateway.pipeline import publishing, replay
from gateway.pipeline.proofreading import proofread
from gateway.pipeline.replay import Compared, Fate
from gateway.pipeline.situations import spoken
from gateway.pipeline.telling import kind_words

app = typer.Typer(add_completion=False)

DIFFERS = 1  # exit code: the change makes a difference to something
DAY_US = 86_400_000_000
EXAMPLES = 3  # documents named for one kind of difference
SAID = {
    Fate.SAME: "come out the same",
    Fate.DIFFERENT: "come out different",
    Fate.STOPS: "get through today and would not any more",
    Fate.PASSES: "do not get through today and would then",
    Fate.STUCK: "do not get through, today or then",
    Fate.DELETED: "cannot be compared: retention deleted their bodies",
}
OF_INTEREST = (Fate.STOPS, Fate.PASSES, Fate.DIFFERENT)


@dataclass(slots=True)
class Kind:
    """One kind of difference: the same place of the same agreement, or the same reason."""

    documents: list[str] = field(default_factory=list)
    count: int = 0
    values: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, name: str, values: tuple[str, str]) -> None:
        self.count += 1
        self.values[values] += 1
        if len(self.documents) < EXAMPLES:
            self.documents.append(name)


@app.command()
def diff(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Only these files or folders, beside what holds already."),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="D", help="How far back: 30d, 12h, or a day or time like 2026-11-01.")
    ] = "30d",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Replay stored documents through the profiles and maps as they are written now, and through those that hold.

    What came in is read again from its stored bytes, what went out is written again. Nothing is stored or sent.
    Exit code 0: everything comes out the same. 1: something would differ. 2: the files have faults.
    """
    with opened_store() as store:
        with store.read() as view:
            active = publishing.active_hash(view)
            if active is None:
                raise Stop("no profiles are published yet; `gateway apply` does it")
            held = dict(publishing.files_of(view, active))
            begin = _begin(since, view.now)
            total = replay.count(view, begin)
        try:
            book = proofread(wanted(held, paths or []))
        except ProfileFaults as faults:
            raise Stop(f"the change has faults:\n{faults}") from None
        found = replay.compare(store, Book.from_files(held), book, since_us=begin)
        fates, kinds = _gathered(_watched(found, total))
    if as_json:
        print(json.dumps({"since": rfc3339(begin), "documents": total, **_plain(fates, kinds)}))
    else:
        _show(fates, kinds, total, rfc3339(begin))
    if any(fates[fate] for fate in OF_INTEREST):
        raise typer.Exit(DIFFERS)


def _begin(since: str, now: int) -> int:
    if ago := re.fullmatch(r"(\d{1,6})([dh])", since):
        return now - int(ago[1]) * (DAY_US if ago[2] == "d" else DAY_US // 24)
    return instant(since)


def _watched(found: Iterable[Compared], total: int) -> Iterable[Compared]:
    """Progress, where somebody watches."""
    if not sys.stderr.isatty():
        return found
    from rich.console import Console

    return track(found, "Replaying", total=total, console=Console(stderr=True), transient=True)


def _gathered(found: Iterable[Compared]) -> tuple[Counter[Fate], dict[tuple[Fate, str, str], Kind]]:
    fates: Counter[Fate] = Counter()
    kinds: dict[tuple[Fate, str, str], Kind] = {}
    for one in found:
        fates[one.fate] += 1
        for place, values in _differences(one):
            kind = kinds.setdefault((one.fate, one.agreement or "no agreement", place), Kind())
            kind.add(f"D-{one.row.id} ({kind_words(one.row)})", values)
    return fates, kinds


def _differences(one: Compared) -> Iterator[tuple[str, tuple[str, str]]]:
    """A document counts once for each kind of place, however many of its lines have it."""
    if one.fate in (Fate.STOPS, Fate.PASSES):
        yield spoken(one.problem), ("", "")
    seen = set()
    for apart in one.apart:
        place = replay.kind_of_place(apart.place)
        if place not in seen:
            seen.add(place)
            yield place, (apart.was, apart.becomes)


def _show(fates: Counter[Fate], kinds: dict[tuple[Fate, str, str], Kind], total: int, begin: str) -> None:
    touched = total - fates[Fate.UNTOUCHED]
    print(f"{_documents(total)} since {begin}; the change is about {touched:,} of them.")
    for fate, sentence in SAID.items():
        if fates[fate]:
            print(f"  {fates[fate]:>7,} {sentence}")
        for (of, agreement, place), kind in sorted(kinds.items(), key=lambda item: -item[1].count):
            if of is fate:
                print(f"\n          {agreement}: {place}{_values(kind)}")
                print(f"          {_documents(kind.count)}: {', '.join(kind.documents)}{_more(kind)}\n")
    if touched:
        print("Nothing was stored or sent. `gateway apply` with the same PATH publishes the change.")


def _values(kind: Kind) -> str:
    ((was, becomes), _), *others = kind.values.most_common()
    if not was and not becomes:
        return ""
    said = f'"{spoken(was)}" becomes "{spoken(becomes)}"'
    if not was:
        said = f'"{spoken(becomes)}" is new'
    elif not becomes:
        said = f'"{spoken(was)}" is gone'
    return f": {said}" + (f", and {len(others):,} other values" if others else "")


def _documents(count: int) -> str:
    return f"{count:,} document{'' if count == 1 else 's'}"


def _more(kind: Kind) -> str:
    return ", ..." if kind.count > len(kind.documents) else ""


def _plain(fates: Counter[Fate], kinds: dict[tuple[Fate, str, str], Kind]) -> dict[str, Any]:
    differences = [
        {
            "fate": fate,
            "agreement": agreement,
            "reason" if fate in (Fate.STOPS, Fate.PASSES) else "place": place,
            "documents": kind.count,
            "examples": kind.documents,
            "values": [{"was": was, "becomes": new, "documents": n} for (was, new), n in kind.values.most_common(20)]
            if fate is Fate.DIFFERENT
            else [],
        }
        for (fate, agreement, place), kind in kinds.items()
    ]
    return {"fates": {fate: fates[fate] for fate in Fate}, "differences": differences}
