"""Every guard bites: with one guard taken out of the code, the test that watches it goes red.

A guard is a piece of source text; the test runs once more against the module compiled without it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from hypothesis import Phase

from gateway.store import ids, lease, targets
from gateway.store.crypto import Keys
from gateway.store.engine import Store
from tests.store import test_events, test_lease, test_lease_model, test_targets
from tests.store.conftest import Clock

pytestmark = pytest.mark.faults


@contextmanager
def without(module: ModuleType, guard: str, instead: str) -> Iterator[None]:
    """A module whose functions are compiled from its source with one piece changed."""
    source = inspect.getsource(module)
    assert source.count(guard) == 1, f"the guard is not there, or not only once: {guard}"
    before = dict(vars(module))
    assert module.__file__ is not None
    exec(compile(source.replace(guard, instead), module.__file__, "exec"), vars(module))
    try:
        yield
    finally:
        vars(module).clear()
        vars(module).update(before)


LEASE_GUARDS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "a leased row is not due": (
        "return c.due_at <= now, or_(c.lease_until.is_(None), c.lease_until <= now)",
        "return (c.due_at <= now,)",
        test_lease.test_a_claimed_row_is_nobody_elses_until_its_lease_ends,
    ),
    "the owner counts": (
        "leases.get(row.id) == (row.lease_owner, row.lease_fence)",
        "leases.get(row.id, ())[1:] == (row.lease_fence,) or True",
        test_lease.test_a_worker_that_slept_through_its_lease_writes_nothing,
    ),
    "the fence counts": (
        "leases.get(row.id) == (row.lease_owner, row.lease_fence)",
        "leases.get(row.id, ())[:1] == (row.lease_owner,)",
        test_lease.test_the_same_worker_under_a_later_fence_is_another,
    ),
    "the fence grows": (
        "lease_fence=c.lease_fence + 1",
        "lease_fence=c.lease_fence",
        test_lease.test_the_same_worker_under_a_later_fence_is_another,
    ),
    "attempts are counted at the claim": (
        "attempts=c.attempts + 1",
        "attempts=c.attempts",
        test_lease.test_a_failed_row_waits_and_keeps_its_attempts,
    ),
    "a suspect is claimed alone": (
        "suspect = rows[0].lease_owner is not None",
        "suspect = False",
        test_lease.test_a_suspect_is_claimed_alone_and_its_neighbours_go_on,
    ),
    "only heads go": (
        "return [row for row in candidates if row.id not in blocked], blocked",
        "return list(candidates), {}",
        test_lease.test_of_one_key_only_the_first_unfinished_row_goes,
    ),
    "an unfinished head blocks, leased or not": (
        "earlier.c.stage.is_not(None),",
        "earlier.c.lease_owner.is_(None), earlier.c.stage.is_not(None),",
        test_lease.test_a_leased_head_is_not_skipped_for_its_successor,
    ),
    "a dead head blocks": (
        "earlier.c.stage.is_not(None),",
        "earlier.c.due_at.is_not(None), earlier.c.stage.is_not(None),",
        test_lease.test_what_comes_after_a_dead_head_waits_too,
    ),
    "a finished head wakes the next": (
        "    _unpark(tx, table, ended)\n",
        "",
        test_lease.test_of_one_key_only_the_first_unfinished_row_goes,
    ),
    "a skipped head wakes the next": (
        "        _unpark(tx, table, done)\n",
        "",
        test_lease.test_a_dead_head_blocks_until_a_person_skips_it,
    ),
    "what is under way cannot be skipped": (
        "c.stage.is_not(None), _free(tx, table)).order_by(c.id)",
        "c.stage.is_not(None)).order_by(c.id)",
        test_lease.test_what_is_under_way_cannot_be_skipped,
    ),
}


@pytest.mark.parametrize("guard", LEASE_GUARDS)
def test_a_guard_of_leases_bites(timed: Store, clock: Clock, guard: str) -> None:
    text, instead, test = LEASE_GUARDS[guard]
    known = {"timed": timed, "clock": clock}
    wanted = {name: known[name] for name in inspect.signature(test).parameters}
    with without(lease, text, instead), pytest.raises((AssertionError, ValueError, IndexError)):
        test(**wanted)


@pytest.mark.slow
@pytest.mark.parametrize("guard", ["the fence counts", "only heads go", "a leased row is not due", "the fence grows"])
def test_the_model_finds_a_missing_guard_by_chance(new_database: Callable[[str], str], keys: Keys, guard: str) -> None:
    text, instead, _ = LEASE_GUARDS[guard]
    with without(lease, text, instead), pytest.raises(AssertionError):
        test_lease_model.run(new_database("sqlite"), keys, examples=150, phases=[Phase.generate])


@pytest.fixture
def on_postgresql(new_database: Callable[[str], str], keys: Keys) -> Iterator[Store]:
    with Store.open(new_database("postgresql"), keys) as store:
        yield store


def test_without_the_row_lock_two_claims_take_the_same_rows(on_postgresql: Store) -> None:
    guard, instead = '.limit(bindparam("_limit")).with_for_update(skip_locked=True)', '.limit(bindparam("_limit"))'
    with without(lease, guard, instead), pytest.raises(AssertionError):
        test_lease.test_many_workers_at_once_never_hold_one_job(on_postgresql, 4)


def test_without_the_announcement_a_reader_passes_an_event(on_postgresql: Store) -> None:
    guard = '        tx.execute(_announce, {"announced": EVENTS_ANNOUNCED})\n'
    with without(ids, guard, "        pass\n"), pytest.raises(AssertionError):
        test_events.test_a_reader_never_passes_an_event_that_is_still_to_commit(on_postgresql)


def test_without_the_lock_of_a_target_two_claims_take_the_last_place(on_postgresql: Store) -> None:
    guard, instead = "_state if tx.is_sqlite else _state.with_for_update(skip_locked=True)", "_state"
    with without(targets, guard, instead), pytest.raises(AssertionError):
        test_targets.test_two_workers_share_the_places_of_a_target(on_postgresql)
