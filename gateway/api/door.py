"""What every door shares: the house behind it, and whose request this is."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.access.keys import ApiKey, hash_of
from gateway.access.scopes import Scope
from gateway.api.problems import Problem
from gateway.api.refusals import Refusals
from gateway.pipeline.house import House
from gateway.pipeline.receive import Arrival, Receipt
from gateway.store import idempotency, keys
from gateway.store.engine import Store, Tx

LARGE_AT_ONCE = 8
"""Bodies too large for memory that one process takes at a time; more wait, and their senders with them."""

LOOK_S = 0.5
"""How long a key that was looked up opens doors of this process without another look: a revoked one, so long more."""

Receive = Callable[[Arrival], Any]  # awaits the group commit and gives the Receipt


@dataclass(frozen=True, slots=True)
class Door:
    """Behind every door of one process."""

    house: House
    receive: Callable[[Arrival], Any]  # coroutine: Receipt once the arrival is durable
    settle: Callable[[Sequence[Arrival]], list[Future[Receipt]]]  # from a thread: all in one commit; they have ended
    largest_body: int  # bytes
    spool: Path | None = None  # where large bodies wait for their commit; without one, where the system says
    refusals: Refusals = field(default_factory=Refusals)
    known: dict[str, tuple[ApiKey, float]] = field(default_factory=dict)  # valid keys by hash, and when looked up
    large_ones: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LARGE_AT_ONCE))

    @property
    def store(self) -> Store:
        return self.house.store


async def door(request: Request) -> Door:
    found: Door = request.app.state.door
    return found


bearer = HTTPBearer(auto_error=False, description="An API key: `gateway key new` makes one.")


async def key_of(
    use: Annotated[Door, Depends(door)],
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> ApiKey:
    """The key of this request; Problem 401 where there is none or it is not valid."""
    if shown is None:
        raise _who_are_you("Send your key as `Authorization: Bearer KEY`.")
    digest = hash_of(shown.credentials)
    known, looked_at = use.known.get(digest, (None, 0.0))
    if known is not None and time.monotonic() - looked_at < LOOK_S:
        return known
    found = await run_in_threadpool(_look_up, use.store, digest)
    if found is None:
        use.known.pop(digest, None)
        raise _who_are_you("This key is not valid: it is mistyped or was revoked.")
    use.known[digest] = found, time.monotonic()
    return found


def _look_up(store: Store, digest: str) -> ApiKey | None:
    with store.read() as view:
        return keys.valid(view, digest)


def _who_are_you(detail: str) -> Problem:
    return Problem(401, "no-valid-key", "No valid key", detail, headers={"WWW-Authenticate": "Bearer"})


def _with(scope: Scope) -> Callable[[ApiKey], Awaitable[ApiKey]]:
    async def scoped(key: Annotated[ApiKey, Depends(key_of)]) -> ApiKey:
        if not any(scope in one.includes for one in key.scopes):
            raise Problem(403, "scope-missing", "This key may not do that", f"It needs the scope {scope}.")
        return key

    return scoped


Used = Annotated[Door, Depends(door)]
Reader = Annotated[ApiKey, Depends(_with(Scope.INTERNAL_READ))]
Writer = Annotated[ApiKey, Depends(_with(Scope.INTERNAL_WRITE))]
Admin = Annotated[ApiKey, Depends(_with(Scope.ADMIN))]
Sender = Annotated[ApiKey, Depends(_with(Scope.PARTNER_SEND))]
Partner = Annotated[ApiKey, Depends(_with(Scope.PARTNER_READ))]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The same key with the same request does nothing twice and gets the first answer again.",
    ),
]


def once(tx: Tx, key: ApiKey, given: str | None, request: Any, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a write at most once for an Idempotency-Key, in the commit that stores its answer."""
    if given is None:
        return act()
    content = json.dumps(request, sort_keys=True, default=str).encode()
    try:
        before = idempotency.begin(tx, f"key:{key.name}", given, hashlib.sha256(content).hexdigest())
    except idempotency.KeyReused:
        title = "This Idempotency-Key was used for another request"
        raise Problem(409, "idempotency-key-reused", title, "Use a new key for a new request.") from None
    if before is not None:
        answer: dict[str, Any] = json.loads(before.response)
        return answer
    made = act()
    idempotency.answer(tx, f"key:{key.name}", given, 202, json.dumps(made))
    return made
