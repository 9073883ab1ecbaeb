"""What every flow has in common: facts in, commands out; a command is given once, a question stands while it is open.

A flow is a pure pair: `evolve(state, event, data)` adds a fact, `allowed(state, policy)` names every command the facts
allow, in whatever order they became known. `decide` leaves out what was given before, and takes back the questions that
later facts have answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from gateway.flows.commands import Ask, Command, Settle


class FlowState(BaseModel):
    """The facts of one flow, and what was done because of them."""

    model_config = ConfigDict(frozen=True)

    given: tuple[str, ...] = ()  # names of the commands already given
    asked: tuple[str, ...] = ()  # names of the questions that stand


S = TypeVar("S", bound=FlowState)


def decide(state: FlowState, allowed: Iterable[Command]) -> list[Command]:
    """Every command that was not given before; and the end of every question that does not stand any more."""
    wanted = list(allowed)
    standing = {command.name for command in wanted if isinstance(command, Ask)}
    known = {*state.given, *state.asked}
    new = [command for command in wanted if command.name not in known]
    return [*new, *(Settle(name) for name in state.asked if name not in standing)]


def given(state: S, commands: Iterable[Command]) -> S:
    """The state once these commands are stored."""
    done, asked = set(state.given), set(state.asked)
    for command in commands:
        match command:
            case Ask():
                asked.add(command.name)
            case Settle():
                asked.discard(command.name)
            case _:
                done.add(command.name)
    return state.model_copy(update={"given": tuple(sorted(done)), "asked": tuple(sorted(asked))})
