"""A connector that is a description: YAML in, requests out.

The rule of connector.py stands on two things here: a step that changes something has a `find`, or a sentence that says
why asking twice is harmless; and what a step answered becomes part of `progress` only when it is certain. A step that
only reads is never remembered: it is asked again on every try, so a version tag (412) is always fresh.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from gateway.clients import Clients
from gateway.partners.secrets import SecretMissing
from gateway.systems.connector import (
    Change,
    Command,
    Done,
    Found,
    Operation,
    Outcome,
    Page,
    Ref,
    Rejected,
    Retry,
    Stranger,
    Unknown,
)
from gateway.systems.credentials import Credentials, NoCredentials, Resolve
from gateway.systems.description import Changes, EventRule, Find, OperationDef, Request, Step, System
from gateway.systems.exchange import Answer, Patience, Result, checked_base, exchange
from gateway.systems.template import ABSENT, Template, Text, Unfilled, fill, fill_text, point
from gateway.systems.verdict import judge

Admit = Callable[[], float]  # seconds to wait before the next request may go out; 0 = now

Scope = dict[str, Any]


class DeclarativeConnector:
    """One system over HTTP, as its description says."""

    def __init__(self, system: System, resolve: Resolve, admit: Admit = lambda: 0.0) -> None:
        """`resolve` gives the value of a secret reference; `admit` is the shared rate limiter of this system."""
        self.system = system
        self._admit = admit
        self._base = checked_base(resolve(system.base_url), allow_http=system.allow_http)
        timeouts = system.timeouts
        self._patience = Patience(
            timeouts.connect.total_seconds(),
            timeouts.read.total_seconds(),
            timeouts.total.total_seconds(),
            system.limits.response_bytes,
        )
        self._clients = Clients(self._patience.timeout, headers={"Accept": "application/json"})
        self._credentials = Credentials(system.auth, resolve, self._post_for_token)

    @property
    def name(self) -> str:
        return self.system.system

    @property
    def lane(self) -> str:
        return self.system.lane

    @property
    def supports(self) -> frozenset[Operation]:
        return frozenset(self.system.operations)

    def close(self) -> None:
        self._clients.close()

    def apply(self, command: Command) -> Outcome:
        refused = self._refuses(command)
        if refused is not None:
            return refused
        operation = self.system.operations[command.operation]
        scope, kept = _scope(command)
        try:
            for step in operation.steps:
                if step.name in kept or not _wanted(step, scope):
                    continue
                outcome = self._send(step, scope)
                if not isinstance(outcome, dict):
                    return replace(outcome, progress=kept)
                scope["steps"][step.name] = outcome
                if not step.request.reads:
                    kept[step.name] = outcome
            return self._done(operation, scope)
        except Unfilled as unfilled:
            return Rejected("incomplete", f"{unfilled}; {self.name} needs it", unfilled.path, kept)

    def find(self, command: Command) -> Done | Found | Retry | Rejected:
        refused = self._refuses(command)
        if refused is not None:
            return refused
        operation = self.system.operations[command.operation]
        unsure = operation.unsure() - command.progress.keys()
        scope, kept = _scope(command)
        try:
            for step in operation.steps:
                # An unsure step is left for `apply`: asking it again is harmless, its `repeatable` says why. No look at
                # a later step needs its answer (description.py refuses that), so the looks go on.
                if step.name in kept or step.name in unsure or not _wanted(step, scope):
                    continue
                values = self._look(step, step.find, scope) if step.find else self._send(step, scope)
                if values is None:
                    return Found(kept)
                if not isinstance(values, dict):
                    # a look that was refused proves nothing about the command: it must be asked again
                    return Retry(_why(values), _after(values), kept)
                scope["steps"][step.name] = values
                if not step.request.reads:
                    kept[step.name] = values
            return Found(kept) if unsure else self._done(operation, scope)
        except Unfilled as unfilled:
            return Rejected("incomplete", f"{unfilled}; {self.name} needs it", unfilled.path, kept)

    def changes(self, cursor: str | None) -> Page | Retry:
        feed = self.system.changes
        if feed is None:
            return Page((), cursor or "", more=False)
        scope: Scope = {"cursor": cursor if cursor is not None else feed.first, "lane": self.lane}
        try:
            answer = self._ask(feed.request, feed.query, {}, None, scope)
            if not isinstance(answer, Answer):
                return Retry(_why(answer), _after(answer))
            return _page(feed, answer.value(), cursor)
        except (ValueError, Unfilled) as error:
            return Retry(f"{self.name}: the feed cannot be read: {error}")

    def _refuses(self, command: Command) -> Rejected | None:
        if command.lane != self.lane:  # a wall behind the walls: nothing of one lane ever reaches the other
            return Rejected("lane", f"{self.name} belongs to the {self.lane} lane, this is {command.lane}")
        if command.operation not in self.system.operations:
            return Rejected("unsupported", f"{self.name} has no operation {command.operation}")
        return None

    def _send(self, step: Step, scope: Scope) -> Scope | Retry | Rejected | Unknown:
        body = fill(step.body, scope)
        content: bytes | None = None
        headers = _texts(step.headers, scope)
        if step.body is not None and body is not ABSENT:
            content, headers["Content-Type"] = _encode(body, step.send_as)
        answer = self._ask(step.request, step.query, headers, content, scope)
        return self._taken(step, answer) if isinstance(answer, Answer) else answer

    def _taken(self, step: Step, answer: Answer) -> Scope | Unknown:
        try:
            value = answer.value() if any(not p.startswith("header:") for p in step.take.values()) else None
        except ValueError as error:
            return Unknown(f"{self.name} answers {answer.status}, but not with JSON: {error}")
        taken = _take(step, value, answer.headers)
        if missing := [name for name, found in taken.items() if found is ABSENT]:
            return Unknown(f"{self.name} answers {answer.status} without {', '.join(missing)}")
        return taken

    def _look(self, step: Step, find: Find, scope: Scope) -> Scope | Retry | Rejected | Unknown | None:
        """What the step answered, seen from outside; None if it surely has not happened."""
        answer = self._ask(find.request, find.query, {}, None, scope, absent_ok=True)
        if not isinstance(answer, Answer):
            return answer
        if answer.status == 404:
            return None
        try:
            value = answer.value()
        except ValueError as error:
            return Retry(f"{self.name} answers the search with something else than JSON: {error}")
        hits = point(value, find.items) if find.items is not None else [value]
        if not isinstance(hits, list):
            return Retry(f"{self.name} answers the search without a list at {find.items}")
        wanted = {pointer: fill(template, scope) for pointer, template in find.match.items()}
        for hit in hits:
            if all(str(point(hit, pointer)) == str(value) for pointer, value in wanted.items()):
                taken = _take(step, hit, answer.headers)
                if missing := [name for name, found in taken.items() if found is ABSENT]:
                    return Retry(f"{self.name}: what was found has no {', '.join(missing)}")
                return taken
        return None

    def _ask(
        self,
        request: Request,
        query: Mapping[str, Template],
        headers: Mapping[str, str],
        content: bytes | None,
        scope: Scope,
        *,
        absent_ok: bool = False,
    ) -> Answer | Retry | Rejected | Unknown:
        path = request.path
        written = fill_text(path.parts, scope, in_path=True) if isinstance(path, Text) else str(path)
        parameters = urlencode(_texts(query, scope))
        url = f"{self._base}{written}" + (f"?{parameters}" if parameters else "")
        wait = self._admit()
        if wait > 0:
            return Retry(f"{self.name} is asked as often as its limit allows", wait)
        everywhere = _texts(self.system.headers, scope)
        result: Result | None = None
        try:
            shown = self._credentials.headers()
            for _ in range(2):
                with self._clients.one() as client:
                    result = exchange(
                        client,
                        self._patience,
                        request.method,
                        url,
                        headers={**everywhere, **headers, **shown},
                        content=content,
                    )
                # 401 says that nothing was done: one more try with a fresh token is safe, a third would be a loop
                if not (isinstance(result, Answer) and result.status == 401 and self._credentials.renew(shown)):
                    break
                shown = self._credentials.headers()
        except (NoCredentials, SecretMissing) as error:
            return Retry(f"{self.name}: {error}")
        assert result is not None
        if absent_ok and isinstance(result, Answer) and result.status == 404:
            return result
        return judge(result, self.system.errors, self.name, reads=request.reads)

    def _post_for_token(self, url: str, headers: dict[str, str], body: bytes) -> Result:
        address = f"{self._base}{url}" if url.startswith("/") else checked_base(url, allow_http=self.system.allow_http)
        with self._clients.one() as client:
            return exchange(client, self._patience, "POST", address, headers=headers, content=body)

    def _done(self, operation: OperationDef, scope: Scope) -> Done:
        ref = fill(operation.ref, scope)
        answer = {name: fill(template, scope) for name, template in operation.answer.items()}
        return Done(Ref(self.name, str(ref)), {name: value for name, value in answer.items() if value is not ABSENT})


def _scope(command: Command) -> tuple[Scope, dict[str, Any]]:
    kept: dict[str, Any] = {name: dict(values) for name, values in command.progress.items()}
    scope: Scope = {
        "key": command.key,
        "lane": command.lane,
        "operation": command.operation.value,
        "document": command.document,
        "data": command.data,
        "refs": command.refs,
        "steps": dict(kept),
    }
    return scope, kept


def _wanted(step: Step, scope: Scope) -> bool:
    return step.when is True or fill(step.when, scope) is not ABSENT


def _take(step: Step, value: Any, headers: Mapping[str, str]) -> Scope:
    return {
        name: headers.get(pointer.removeprefix("header:"), ABSENT)
        if pointer.startswith("header:")
        else point(value, pointer)
        for name, pointer in step.take.items()
    }


def _texts(templates: Mapping[str, Template], scope: Scope) -> dict[str, str]:
    filled = {name: fill(template, scope) for name, template in templates.items()}
    for name, value in filled.items():
        if value is not ABSENT and not (isinstance(value, str | int | float) and str(value).isprintable()):
            raise Unfilled(name, f"is {value!r}, which cannot stand in a header or address")
    return {name: str(value) for name, value in filled.items() if value is not ABSENT}


def _encode(body: Any, send_as: str) -> tuple[bytes, str]:
    if send_as == "form":
        return urlencode(body).encode("ascii"), "application/x-www-form-urlencoded"
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), "application/json"


def _why(outcome: Retry | Rejected | Unknown) -> str:
    return outcome.message if isinstance(outcome, Rejected) else outcome.why


def _after(outcome: Retry | Rejected | Unknown) -> float | None:
    return None if isinstance(outcome, Rejected) else outcome.after


def _page(feed: Changes, value: Any, cursor: str | None) -> Page:
    items = point(value, feed.items)
    if not isinstance(items, list):
        raise ValueError(f"no list at {feed.items}")
    changes: list[Change] = []
    strangers: list[Stranger] = []
    last = cursor if cursor is not None else (feed.first or "")
    for item in items:
        identity = point(item, feed.id)
        if identity is ABSENT or identity is None:
            raise ValueError(f"an item without its id at {feed.id}")
        last = str(identity)
        if any(_fits(item, pattern) for pattern in feed.ignore):
            continue
        rule = next((rule for rule in feed.events if _fits(item, rule.match)), None)
        if rule is None:
            strangers.append(Stranger(last, item))
        else:
            changes.append(_change(feed, rule, item, last))
    if feed.next is not None:
        said = point(value, feed.next)
        if said is ABSENT or said is None:
            raise ValueError(f"no cursor at {feed.next}")
        last = str(said)
    more = feed.more is not None and point(value, feed.more) is True
    return Page(tuple(changes), last, more, tuple(strangers))


def _change(feed: Changes, rule: EventRule, item: Any, identity: str) -> Change:
    scope = {"item": item}
    at = point(item, feed.at) if feed.at is not None else ABSENT
    data = fill(rule.data, scope)
    return Change(
        id=identity,
        event=rule.event,
        keys=_texts(rule.keys, scope),
        ids=_texts(rule.ids, scope),
        data=data if isinstance(data, dict) else {},
        occurred_at=None if at is ABSENT or at is None else str(at),
    )


def _fits(item: Any, pattern: Mapping[str, str]) -> bool:
    return all(str(point(item, pointer)) == value for pointer, value in pattern.items())
