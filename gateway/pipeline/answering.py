"""answer: a person says what a code or a unit means; the answer becomes a revision, and what waited runs again.

The row stands in `partners/<partner>/answers.yaml` of the published book, with who said it, when and where. It is
published like everything else, after the whole book was read again; an answer for one document only is kept with its
work item. One answer settles every document of the partner that asks the same.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select, update

from gateway.mapping.formats import read_decimal
from gateway.partners.book import Book
from gateway.partners.faults import nearest
from gateway.partners.reading import Node, read
from gateway.pipeline import again, publishing, shortages
from gateway.pipeline.preview import Preview
from gateway.pipeline.proofreading import proofread
from gateway.pipeline.questions import UNIT
from gateway.store import work_items
from gateway.store.engine import Store, Tx, View
from gateway.store.schema import document, work_item

Scope = Literal["document", "article", "partner"]
HELD = "held-before-sending"
CODES = ("unknown-unit", "unknown-code", "unknown-code-out", *shortages.CODES)
HEAD = (
    "# What people answered at work items. Written by the gateway; `gateway partner export` gives it to your files.\n"
)
SEEN_US = 1_000_000
"""By then every process has taken the new book up (house.py looks twice a second)."""

Answers = Sequence[tuple[str, str]]  # rows given for one document: name and text of a file of codes
Rows = dict[str, dict[str, Any]]  # section -> rows, a row (text, comment) or a table of them


class CannotAnswer(Exception):
    """The item asks nothing, or the answer is none; the message says what to write."""


class AnsweredBefore(CannotAnswer):
    """Somebody was faster; the message says who, when and what."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer did."""

    item: int
    said: str  # "1 PK is 6 each"
    scope: Scope
    revision: str | None  # of the book; None: nothing was published
    settled: tuple[int, ...]
    running: tuple[int, ...]  # documents that run again


def preview(view: View, item_id: int, means: str, scope: Scope) -> Preview:
    """What an answer would do. Raises CannotAnswer."""
    item, asked = _open_item(view, item_id)
    if item.code in shortages.CODES:
        try:
            return shortages.preview(view, item, asked, means)
        except shortages.NoDecision as error:
            raise CannotAnswer(str(error)) from None
    said, _ = _rows(view, item, asked, means, scope)
    waiting = [row.subject_id for row in _same(view, item, asked, scope)]
    held = {
        "document": "It holds for this document only; the same question is asked again next time.",
        "article": f"From now on it holds for article {asked['article']} of {item.partner}, in both lanes.",
        "partner": f"From now on it holds for every document of {item.partner}, in both lanes.",
    }[scope]
    names = ", ".join(f"D-{n}" for n in waiting[:10]) + (", ..." if len(waiting) > 10 else "")
    runs = f"{len(waiting)} document{' waits' if len(waiting) == 1 else 's wait'} for it and run again: {names}."
    effects = [held, runs]
    if scope != "document":
        effects.append(f"It is published as a row of partners/{item.partner}/answers.yaml, under your name.")
    return Preview(f"Answer W-{item_id}: {said}", tuple(effects))


def answer(store: Store, item_id: int, means: str, scope: Scope, *, by: str) -> Answered:
    """Publish the answer and run what waited again. Raises CannotAnswer, ProfileFaults."""
    while True:
        with store.read() as view:
            item, asked = _open_item(view, item_id)
            if item.code in shortages.CODES:
                break
            said, rows = _rows(view, item, asked, means, scope)
            before = publishing.active_hash(view)
            files = dict(publishing.files_of(view, before)) if before else {}
            moment = dt.datetime.fromtimestamp(view.now / 1_000_000, dt.UTC)
        book = None
        if scope != "document":  # read again by everybody who will use it, outside the transaction
            why = f"{by}, {moment:%Y-%m-%dT%H:%M:%SZ}, W-{item_id}"
            name = f"partners/{item.partner}/answers.yaml"
            book = proofread({**files, name: _with(files.get(name, ""), rows, why)})
        with store.begin() as tx:
            publishing.alone(tx)
            if publishing.active_hash(tx) != before:
                continue  # somebody published meanwhile: their book with our row
            item, asked = _open_item(tx, item_id)
            if book is not None:
                publishing.publish(tx, book, by=by)
            told = {"said": said, "means": means, "scope": scope, "rows": _written(rows, "")}
            settled, running = _settle(tx, item, asked, scope, told, by)
            again.note(tx, by, "answer", f"W-{item_id}", said=said, scope=scope)
            return Answered(item_id, said, scope, book.revision if book else None, settled, running)
    try:
        said, running = shortages.decide(store, item, asked, means, by=by)
    except shortages.NoDecision as error:
        raise CannotAnswer(str(error)) from None
    return Answered(item_id, said, "document", None, (item_id,), running)


def preview_release(view: View, item_id: int) -> Preview:
    """What releasing a held document would do. Raises CannotAnswer."""
    item, asked = _held_item(view, item_id)
    effects = [f"{item.partner} gets it as it is, although {text}." for _, text, _ in asked["rules"]]
    return Preview(f"Release the {asked['kind']} {asked['business_key']}: D-{item.subject_id}", tuple(effects))


def release(store: Store, item_id: int, *, by: str) -> int:
    """The document a rule holds goes out all the same; returns it. Raises CannotAnswer, CannotRunAgain."""
    with store.begin() as tx:
        item, asked = _held_item(tx, item_id)
        told = {"said": "it was released", "scope": "document", "rows": ""}
        data = json.dumps({**asked, "answer": told})
        tx.execute(update(work_item).where(work_item.c.id == item_id).values(data=data))
        again.release(tx, item.subject_id, by=by)
        return int(item.subject_id)


def given_for(view: View, document_ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """Document -> the rows people answered for it alone, as files of codes."""
    if not document_ids:
        return {}
    wanted = select(work_item).where(
        work_item.c.subject == "document",
        work_item.c.subject_id.in_(list(document_ids)),
        work_item.c.code.in_(CODES),
        work_item.c.settled_at.is_not(None),
    )
    found: dict[int, list[tuple[str, str]]] = {}
    for row in view.all(wanted.order_by(work_item.c.id)):
        told = json.loads(row.data).get("answer")
        if told and told["scope"] == "document":
            found.setdefault(row.subject_id, []).append((f"W-{row.id}.yaml", told["rows"]))
    return found


# -- what is asked, and what the answer says ------------------------------------------------------
def _held_item(view: View, item_id: int) -> tuple[Any, dict[str, Any]]:
    return _open_item(view, item_id, (HELD,))


def _open_item(view: View, item_id: int, codes: Collection[str] = CODES) -> tuple[Any, dict[str, Any]]:
    item = view.get(work_item, item_id)
    if item is None:
        raise CannotAnswer(f"there is no work item W-{item_id}")
    if item.code == HELD and item.code not in codes:
        raise CannotAnswer(f"W-{item_id} asks whether the document may go out: release it, or mend it")
    if item.code not in codes:
        raise CannotAnswer(f"W-{item_id} asks for no answer: {item.what_to_do}")
    asked: dict[str, Any] = json.loads(item.data)
    if item.settled_at is not None:
        moment = dt.datetime.fromtimestamp(item.settled_at / 1_000_000, dt.UTC)
        said = asked.get("answer", {}).get("said", "it was set aside")
        raise AnsweredBefore(
            f"{item.settled_by} answered this at {moment:%H:%M:%S} UTC: {said}. Your answer was not saved."
        )
    return item, asked


def _rows(view: View, item: Any, asked: Mapping[str, Any], means: str, scope: Scope) -> tuple[str, Rows]:
    """The sentence of an answer, and the rows it makes."""
    means = " ".join(means.split())
    if scope == "article" and (item.code != UNIT or not asked["article"]):
        raise CannotAnswer("an answer for one article is for units of a line that names its article")
    if item.code == UNIT:
        return _unit_rows(asked, means, scope)
    if item.code == "unknown-code-out":
        if not re.fullmatch(r"\S{1,80}", means):
            raise CannotAnswer(f'{means!r} is no code: write the code {item.partner} uses for "{asked["value"]}"')
        row = {asked["table"]: {asked["value"]: means}}
        return f"{asked['value']} is {means} for {item.partner}", {"codes": row}
    if means not in asked["words"]:
        raise CannotAnswer(f"{means!r} is none of our words for {asked['table']}: {nearest(means, asked['words'])}")
    codes = _codes_of(view, item, asked["table"], means)
    return f"{asked['value']} is {means}", {"codes": {asked["table"]: {means: " ".join([*codes, asked["value"]])}}}


def _unit_rows(asked: Mapping[str, Any], means: str, scope: Scope) -> tuple[str, Rows]:
    number, _, unit = means.partition(" ")
    try:
        good = read_decimal(number) > 0
    except ValueError:
        good = False
    if not good or unit not in asked["units"]:
        ours = asked["units"][0]
        raise CannotAnswer(f"{means!r} says no number and unit: write how many {ours} one is, e.g. `6 {ours}`")
    word, rows = asked["unit"], {}
    if word == asked["value"]:  # the table has no word for it yet
        word = asked["value"].lower()
        rows = {"codes": {"unit": {word: asked["value"]}}}
    key = f"{word} of {asked['article']}" if scope == "article" else word
    said = f"1 {asked['value']} is {means}" + (f" of {asked['article']}" if scope == "article" else "")
    return said, {**rows, "convert": {key: means}}


def _codes_of(view: View, item: Any, table: str, word: str) -> Sequence[str]:
    """The codes a word has in the table as it holds now, the one that is written first."""
    row = view.get(document, item.subject_id)
    active = publishing.active_hash(view)
    assert row is not None
    assert active is not None
    book = Book.from_files(publishing.files_of(view, active))
    made = book.chart(book.agreements[row.agreement]).language.codes[table]
    first = made.table.get(word)
    return [] if first is None else [first, *(c for c, w in made.codes.items() if w == word and c != first)]


def _same(view: View, item: Any, asked: Mapping[str, Any], scope: Scope) -> list[Any]:
    """The open items this answer settles: its own, and those of the partner that ask the same."""
    if scope == "document":
        return [item]
    wanted = select(work_item).where(
        work_item.c.status == "open", work_item.c.partner == item.partner, work_item.c.code == item.code
    )
    found = []
    for row in view.all(wanted.order_by(work_item.c.id)):
        theirs = json.loads(row.data)
        if theirs["key"] == asked["key"] and (scope == "partner" or theirs["article"] == asked["article"]):
            found.append(row)
    return found


def _settle(
    tx: Tx, item: Any, asked: Mapping[str, Any], scope: Scope, told: Mapping[str, Any], by: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    items = _same(tx, item, asked, scope)
    for row in items:
        data = {**json.loads(row.data), "answer": {**told, "item": item.id}}
        tx.execute(update(work_item).where(work_item.c.id == row.id).values(data=json.dumps(data)))
    work_items.settle(tx, [row.id for row in items], by)
    running = []
    for number in dict.fromkeys(row.subject_id for row in items):
        try:
            again.reprocess_document(tx, number, by=by, after_us=SEEN_US)
        except again.CannotRunAgain:
            continue  # a person ran it, or gave it up, meanwhile
        running.append(number)
    return tuple(row.id for row in items), tuple(running)


# -- answers.yaml ---------------------------------------------------------------------------------
def _with(text: str, rows: Rows, why: str) -> str:
    """The file with these rows; a row of the same name is replaced."""
    tree = read("answers.yaml", text) if text.strip() else None
    kept = _plain(tree) if tree is not None else {}
    return HEAD + _written(_over(kept, _commented(rows, why)), "")


def _plain(node: Node) -> Any:
    if node.children is not None:
        return {key: _plain(child) for key, child in node.children.items()}
    return (node.text or "", node.place.why)


def _commented(rows: Any, why: str) -> Any:
    return {key: _commented(inner, why) for key, inner in rows.items()} if isinstance(rows, dict) else (rows, why)


def _over(below: Any, over: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(over, dict):
        return over
    return {**below, **{key: _over(below.get(key, {}), inner) for key, inner in over.items()}}


def _written(rows: Any, indent: str) -> str:
    lines = []
    for key, inner in rows.items():
        if isinstance(inner, dict):
            lines.append(f"{indent}{_scalar(key)}:\n{_written(inner, indent + '  ')}")
        else:
            text, why = inner if isinstance(inner, tuple) else (inner, "")
            lines.append(f"{indent}{_scalar(key)}: {_scalar(text)}" + (f"  # {why}" if why else "") + "\n")
    return "".join(lines)


def _scalar(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._/-]*(?<! )", text) else json.dumps(text)
