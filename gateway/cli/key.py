"""`gateway key`: API keys for partners and for our own systems."""

from __future__ import annotations

import datetime as dt
import json
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy import select

from gateway.access import SCOPES, issue, parse_scopes
from gateway.cli.deciding import who
from gateway.cli.opening import opened_store
from gateway.cli.stop import Stop
from gateway.cli.times import rfc3339
from gateway.pipeline import publishing
from gateway.pipeline.again import note
from gateway.store import keys
from gateway.store.schema import api_key

app = typer.Typer(add_completion=False, no_args_is_help=True)


class Lane(StrEnum):
    """Which lane what comes in with a key belongs to."""

    PRODUCTION = "production"
    TEST = "test"


@app.callback()
def key() -> None:
    """Make, list and revoke API keys."""


@app.command(epilog="Scopes: " + "; ".join(f"{scope} ({said})" for scope, said in SCOPES.items()) + ".")
def new(
    name: Annotated[str, typer.Argument(help="What the key is called in lists and in the audit.")],
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="What it may do; may be given several times. See below.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="Whose key it is; it then sees only what is theirs.")] = None,
    lane: Annotated[Lane, typer.Option(help="The lane it belongs to.")] = Lane.TEST,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Make a key and show it, this once. Only its hash is kept."""
    words = scopes or (["partner:*"] if partner else [])
    if not words:
        raise Stop("say what the key may do: --partner NAME, or --scope internal:read")
    try:
        issued = issue(name, parse_scopes(words), lane.value, partner)
    except ValueError as error:
        raise Stop(str(error)) from None
    with opened_store() as store, store.begin() as tx:
        if partner is not None:
            held = publishing.active_hash(tx)
            files = publishing.files_of(tx, held) if held else {}
            if f"partners/{partner}/partner.yaml" not in files:
                raise Stop(f"there is no partner {partner!r} in what is published; `gateway apply` publishes")
        if tx.first(select(api_key.c.id).where(api_key.c.name == name)) is not None:
            raise Stop(f"there is a key {name!r} already; revoked keys keep their name for the audit")
        keys.add(tx, [issued.key])
        note(tx, who(), "key made", f"key:{name}")
    if as_json:
        print(json.dumps({"name": name, "key": issued.token, "scopes": sorted(issued.key.scopes), "lane": lane.value}))
        return
    print(issued.token)
    print(f"This is the only time it is shown. {name}: {', '.join(sorted(issued.key.scopes))}, {lane.value} lane.")


@app.command(name="list")
def list_keys(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """Every key, and whether it still opens anything."""
    with opened_store() as store, store.read() as view:
        rows = view.all(select(api_key).order_by(api_key.c.name))
    for row in rows:
        scopes = ", ".join(json.loads(row.scopes))
        if as_json:
            said = {"name": row.name, "lane": row.lane, "partner": row.partner, "scopes": json.loads(row.scopes)}
            times = {"created_at": rfc3339(row.created_at), "revoked_at": row.revoked_at and rfc3339(row.revoked_at)}
            print(json.dumps(said | times))
        else:
            state = f"revoked {_day(row.revoked_at)}" if row.revoked_at else f"since {_day(row.created_at)}"
            print(f"{row.name}  {row.lane}  {row.partner or 'ours'}  {scopes}  {state}")
    if not rows and not as_json:
        print("There are no keys. `gateway key new NAME --partner PARTNER` makes one.")


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="The key's name.")]) -> None:
    """Stop a key from opening anything, within half a second and for ever."""
    with opened_store() as store, store.begin() as tx:
        wanted = api_key.update().where(api_key.c.name == name, api_key.c.revoked_at.is_(None))
        if tx.execute(wanted.values(revoked_at=tx.now)).rowcount != 1:
            raise Stop(f"there is no key {name!r} that could be revoked; `gateway key list` shows them")
        note(tx, who(), "key revoked", f"key:{name}")
    print(f"{name} opens nothing any more.")


def _day(instant: int) -> str:
    return dt.datetime.fromtimestamp(instant / 1_000_000, dt.UTC).date().isoformat()
