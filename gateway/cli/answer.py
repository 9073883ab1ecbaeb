"""`gateway answer`: a person says what a unit or a code means, or lets a held document go; what waited runs again."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from gateway.cli.deciding import decided, number_of, show, who
from gateway.cli.opening import opened_store
from gateway.cli.stop import Stop
from gateway.partners.faults import ProfileFaults
from gateway.pipeline import answering
from gateway.pipeline.again import CannotRunAgain
from gateway.pipeline.answering import AnsweredBefore, CannotAnswer
from gateway.store import work_items
from gateway.store.engine import Store

app = typer.Typer(add_completion=False)

LEFT = 1  # exit code: it was shown and not done


class Scope(StrEnum):
    """What an answer holds for."""

    DOCUMENT = "document"  # this one only; the same question is asked again
    ARTICLE = "article"  # the article of the line, from now on
    PARTNER = "partner"  # every document of the partner, from now on


@app.command()
def answer(
    item: Annotated[
        str | None, typer.Argument(metavar="[ITEM]", help="The work item, W-7; without one, the list.")
    ] = None,
    means: Annotated[str | None, typer.Argument(metavar="[ANSWER]", help="What is said: 6 each, backorder.")] = None,
    scope: Annotated[Scope, typer.Option(help="What the answer holds for.")] = Scope.DOCUMENT,
    release: Annotated[bool, typer.Option("--release", help="A document that a rule holds goes out as it is.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would do and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a question; of the list only.")] = False,
) -> None:
    """Answer a work item. Shows what follows first: what it holds for, and what runs again because of it.

    Exit code 0: answered, or listed. 1: nothing was done. 2: it is no answer, or somebody was faster.
    """
    with opened_store() as store:
        if item is None:
            _list(store, as_json=as_json)
            return
        if (means is None) != release:
            raise Stop('write the answer, e.g. `gateway answer W-7 "6 each"`, or --release')
        _, number = number_of(item, "W")
        try:
            with store.read() as view:
                show(
                    answering.preview_release(view, number)
                    if means is None
                    else answering.preview(view, number, means, scope.value)
                )
            if dry_run:
                return
            if not decided("release" if release else "answer", yes=yes):
                raise typer.Exit(LEFT)
            if means is None:
                print(f"D-{answering.release(store, number, by=who())} is on its way.")
                return
            done = answering.answer(store, number, means, scope.value, by=who())
        except (AnsweredBefore, CannotAnswer, CannotRunAgain) as error:
            raise Stop(str(error)) from None
        except ProfileFaults as faults:
            raise Stop(f"nothing was saved, because it does not fit the profiles:\n{faults}") from None
    running = ", ".join(f"D-{number}" for number in done.running)
    print(f"Saved: {done.said}. Running again: {running}." if running else f"Saved: {done.said}.")


def _list(store: Store, *, as_json: bool) -> None:
    with store.read() as view:
        rows = [row for row in work_items.waiting(view) if row.code in (*answering.CODES, answering.HELD)]
    for row in rows:
        if as_json:
            plain = {"id": f"W-{row.id}", "code": row.code, "title": row.title, "where": row.where_}
            print(json.dumps({**plain, "what_to_do": row.what_to_do, "partner": row.partner, "lane": row.lane}))
        else:
            print(f"W-{row.id}  {row.title}\n      {row.where_}. {row.what_to_do}")
    if not rows and not as_json:
        print("Nothing waits for an answer. `gateway items` shows everything that waits for a person.")
