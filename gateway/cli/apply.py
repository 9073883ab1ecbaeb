"""`gateway apply`: what we wrote becomes what holds, as an immutable revision, after it has been shown."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.deciding import decided, who
from gateway.cli.opening import made_store, opened_store, settings
from gateway.cli.profiles import folders, wanted
from gateway.cli.stop import Stop
from gateway.partners.faults import ProfileFaults
from gateway.pipeline import publishing
from gateway.pipeline.proofreading import proofread
from gateway.pipeline.revisions import Change, changes
from gateway.store.engine import Store

app = typer.Typer(add_completion=False)

LEFT = 1  # exit code: it was shown and not done


@app.command()
def apply(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Publish only these files or folders, beside what holds already."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Publish without asking.")] = False,
    active_from: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="When it begins to hold, e.g. 2026-12-01T00:00-05:00; now by default."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object for scripts; needs --yes or --dry-run.")
    ] = False,
) -> None:
    """Publish profiles and maps. Running processes take the new revision up within a second; nothing is restarted.

    The whole book is checked before anything is published, and what changes is shown line by line.
    Exit code 0: published, or nothing to publish. 1: shown and left. 2: it has faults.
    """
    moment = _moment(active_from)
    folders()  # outside a deployment nothing is made
    with _store() as store:
        with store.read() as view:
            before = publishing.active_hash(view)
            held = dict(publishing.files_of(view, before)) if before else {}
        texts = wanted(held, paths or [])
        try:
            book = proofread(texts)
        except ProfileFaults as faults:
            raise Stop(f"nothing was published:\n{faults}") from None
        changed = changes(held, texts)
        plain = [{"file": change.file, "how": change.how} for change in changed]
        said = {"revision": book.revision, "before": before, "changes": plain, "published": False}
        if not as_json:
            _show(changed)
        if changed and not dry_run and (yes or (not as_json and decided("publish", yes=yes))):
            with store.begin() as tx:
                if moment is not None and moment <= tx.now:
                    raise Stop("--from lies in the past; leave it out to publish now")
                publishing.publish(tx, book, by=who(), active_from=moment)
            said["published"] = True
    if as_json:
        print(json.dumps(said))
    elif said["published"]:
        print(f"Published as {book.revision[:12]}; it holds from {active_from or 'now'} on.")
    if changed and not said["published"] and not dry_run:
        raise typer.Exit(LEFT)


def _show(changed: Sequence[Change]) -> None:
    if not changed:
        print("Nothing to publish: what is written already holds.")
    for change in changed:
        print(f"{change.how}: {change.file}")
        for line in change.diff if change.how == "changed" else ():
            print(f"    {line}")


def _moment(text: str | None) -> int | None:
    """An instant in microseconds, as the store counts them."""
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Stop(f"{text!r} is no time; write e.g. 2026-12-01T00:00-05:00") from None
    if moment.tzinfo is None:
        raise Stop(f"{text!r} has no zone; write e.g. {text}-05:00 or {text}Z")
    return int(moment.timestamp() * 1_000_000)


@contextmanager
def _store() -> Iterator[Store]:
    """The store; made here when this is the first command of an installation."""
    chosen = settings()
    if not chosen.database_url and not (chosen.home / "gateway.db").exists():
        with made_store() as store:
            store.migrate()
    with opened_store() as store:
        yield store
