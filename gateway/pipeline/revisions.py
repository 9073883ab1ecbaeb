"""Profiles as they are read and changed: the lines in force with their origin, what a change would do, and doing it.

Command line and API share this; nothing is published that `gateway check` would fault.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.partners.agreement import effective
from gateway.partners.book import Book, revision_of
from gateway.pipeline import publishing
from gateway.pipeline.proofreading import proofread
from gateway.store.engine import Store


@dataclass(frozen=True, slots=True)
class LineInForce:
    """One line of an agreement as it holds, and who said it."""

    agreement: str
    key: str
    value: str
    layer: str
    file: str
    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """One file that a publication would make, change or take away."""

    file: str
    how: str  # new, changed, gone
    diff: tuple[str, ...]  # unified, without its head


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a partner's new files."""

    revision: str  # of the partner
    changes: tuple[Change, ...]
    published: bool
    fresh: bool  # the partner was not there before


class Outdated(Exception):
    """Somebody changed the partner since it was read; `now` is its revision."""

    def __init__(self, now: str | None) -> None:
        super().__init__("the partner was changed since it was read")
        self.now = now


def lines_in_force(book: Book, partner: str, agreement: str = "") -> Iterator[LineInForce]:
    """Every line in force for a partner, or for one agreement of it."""
    for one in book.agreements.values():
        if one.partner != partner or agreement not in ("", one.name.partition("/")[2]):
            continue
        for path, text, place in effective(book.lines["agreement", one.name], one.direction).leaves():
            yield LineInForce(one.name, path, text or "none", place.layer, place.file, place.line, place.why)


def changes(held: Mapping[str, str], wanted: Mapping[str, str]) -> list[Change]:
    """Which files are new, changed or gone, and how."""
    found = []
    for name in sorted({*held, *wanted}):
        old, new = held.get(name), wanted.get(name)
        if old == new:
            continue
        how = "new" if old is None else "gone" if new is None else "changed"
        lines = difflib.unified_diff((old or "").splitlines(), (new or "").splitlines(), n=1, lineterm="")
        found.append(Change(name, how, tuple(lines)[2:]))
    return found


def files_of(files: Mapping[str, str], partner: str) -> dict[str, str]:
    """The files of one partner's folder, by their name in it."""
    folder = f"partners/{partner}/"
    return {name.removeprefix(folder): text for name, text in files.items() if name.startswith(folder)}


def revision(files: Mapping[str, str], partner: str) -> str | None:
    """The revision of one partner: of its own files, so that nobody else's change makes it another one."""
    own = files_of(files, partner)
    return revision_of(own) if own else None


def put(
    store: Store, partner: str, files: Mapping[str, str], *, by: str, read_at: str | None, dry_run: bool = False
) -> Put:
    """Publish a partner's files in the place of those that hold.

    `read_at` is the revision the change was made from; what holds already is no conflict, whoever said it first.
    Raises Outdated, ProfileFaults.
    """
    while True:
        with store.read() as view:
            before = publishing.active_hash(view)
            held = dict(publishing.files_of(view, before)) if before else {}
        others = {name: text for name, text in held.items() if not name.startswith(f"partners/{partner}/")}
        wanted = others | {f"partners/{partner}/{name}": text for name, text in files.items()}
        now, then = revision(held, partner), revision(wanted, partner) or ""
        found = tuple(changes(held, wanted))
        if not found:
            return Put(then, (), False, False)
        if now != read_at:
            raise Outdated(now)
        book = proofread(wanted)
        if dry_run:
            return Put(then, found, False, now is None)
        with store.begin() as tx:
            publishing.alone(tx)
            if publishing.active_hash(tx) != before:
                continue  # another partner was published meanwhile, or this one: look again
            publishing.publish(tx, book, by=by)
        return Put(then, found, True, now is None)
