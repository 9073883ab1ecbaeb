"""Leases against a model, by chance: whatever is inserted, claimed, finished, failed, stopped, skipped and however time
passes, two workers never hold one job, an old fence writes nothing, and keys keep their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select

from gateway.store import lease, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Record, Store
from tests.store.rows import deliveries

L = schema.delivery
LEASE = 1_000
OWNERS = st.sampled_from(["a", "b"])
KEYS = st.sampled_from([None, "k1", "k2"])


class Leases(RuleBasedStateMachine):
    """The model: who holds which row under which fence, and what each row has come to."""

    store: Store
    time = 0
    claims = Bundle("claims")

    @initialize()
    def empty(self) -> None:
        Leases.time = self.time = Leases.time + 1_000_000
        with self.store.begin() as tx:
            tx.execute(delete(L))
        self.rows: dict[int, dict[str, Any]] = {}

    @rule(n=st.integers(1, 4), key=KEYS, delay=st.integers(0, LEASE))
    def insert(self, n: int, key: str | None, delay: int) -> None:
        with self.store.begin() as tx:
            for number in deliveries(tx, n, key=key, due_at=self.time + delay):
                self.rows[number] = {
                    "key": key,
                    "open": True,
                    "due": self.time + delay,
                    "owner": None,
                    "fence": 0,
                    "until": 0,
                    "attempts": 0,
                }

    def is_head(self, number: int) -> bool:
        key = self.rows[number]["key"]
        return key is None or not any(
            row["open"] and row["key"] == key and other < number for other, row in self.rows.items()
        )

    def claimable(self, number: int) -> bool:
        row = self.rows[number]
        due = row["due"] is not None and row["due"] <= self.time
        return row["open"] and due and row["until"] <= self.time and self.is_head(number)

    @rule(target=claims, owner=OWNERS, limit=st.integers(1, 5))
    def claim(self, owner: str, limit: int) -> Any:
        could = {number for number in self.rows if self.claimable(number)}
        with self.store.begin() as tx:
            got = lease.claim(tx, L, "deliver", owner, limit, LEASE)
        assert len(got) <= limit
        assert {row.id for row in got} <= could, "claimed what another holds, what is not due, or what is not a head"
        assert got or not could, "nothing was claimed although something is due"
        for row in got:
            one = self.rows[row.id]
            assert row.lease_fence == one["fence"] + 1
            assert row.attempts == one["attempts"] + 1
            if one["owner"] is not None:
                assert len(got) == 1, "a suspect was claimed with others"
            one.update(owner=owner, fence=row.lease_fence, until=self.time + LEASE, attempts=row.attempts)
        return multiple(*got)

    @rule(target=claims, row=claims)
    def sleep_and_claim_again(self, row: Record) -> Any:
        """The worker slept through its lease and claims as itself: what it held before is held by nobody."""
        self.pass_time(LEASE)
        return self.claim(row.lease_owner, 1)

    def holds(self, row: Record) -> bool:
        one = self.rows[row.id]
        return one["owner"] == row.lease_owner and one["fence"] == row.lease_fence

    def let_go(self, row: Record, **values: Any) -> None:
        self.rows[row.id].update(owner=None, until=0, **values)

    @rule(row=claims)
    def complete(self, row: Record) -> None:
        with self.store.begin() as tx:
            held = lease.complete(tx, L, [row], [{"status": "delivered"}])
        assert bool(held) == self.holds(row)
        if held:
            self.let_go(row, open=False, due=None, attempts=0)

    @rule(row=claims, pause=st.integers(0, 3 * LEASE))
    def fail(self, row: Record, pause: int) -> None:
        with self.store.begin() as tx:
            held = lease.fail(tx, L, row, due_at=self.time + pause, error="no")
        assert held == self.holds(row)
        if held:
            self.let_go(row, due=self.time + pause)

    @rule(row=claims)
    def stop(self, row: Record) -> None:
        with self.store.begin() as tx:
            held = lease.stop(tx, L, row, error="never")
        assert held == self.holds(row)
        if held:
            self.let_go(row, due=None)

    @rule(row=claims)
    def renew(self, row: Record) -> None:
        with self.store.begin() as tx:
            held = lease.renew(tx, L, [row], LEASE)
        assert bool(held) == self.holds(row)
        if held:
            self.rows[row.id]["until"] = self.time + LEASE

    @rule(row=claims)
    def release(self, row: Record) -> None:
        held = self.holds(row)
        with self.store.begin() as tx:
            lease.release(tx, L, [row])
        if held:
            self.let_go(row, attempts=self.rows[row.id]["attempts"] - 1)

    @rule(row=claims)
    def skip(self, row: Record) -> None:
        one = self.rows[row.id]
        may = one["open"] and one["until"] <= self.time
        with self.store.begin() as tx:
            assert lease.finish(tx, L, [row.id], status="skipped") == ([row.id] if may else [])
        if may:
            self.let_go(row, open=False, due=None)

    @rule(row=claims)
    def restart(self, row: Record) -> None:
        one = self.rows[row.id]
        with self.store.begin() as tx:
            lease.restart(tx, L, [row.id])
        if one["open"] and one["owner"] is None:
            one.update(due=self.time, attempts=0)

    @rule(by=st.integers(1, 2 * LEASE))
    def pass_time(self, by: int) -> None:
        Leases.time = self.time = self.time + by

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        with self.store.read() as view:
            for row in view.all(select(L)):
                one = self.rows[row.id]
                assert (row.lease_owner, row.lease_fence) == (one["owner"], one["fence"])
                assert (row.stage is not None) == one["open"]
                if row.blocked_by is not None:
                    assert not self.is_head(row.id), "a head is parked: nobody would ever wake it"

    def teardown(self) -> None:
        """Whatever happened, what is still owed can be claimed in the end: nothing is lost."""
        Leases.time = self.time = self.time + 10 * LEASE
        while any(self.claimable(number) for number in self.rows):
            for row in self._claim_all():
                self.complete(row)

    def _claim_all(self) -> list[Record]:
        with self.store.begin() as tx:
            got = lease.claim(tx, L, "deliver", "z", 5, LEASE)
        assert got, "due work that nobody can claim"
        for row in got:
            self.rows[row.id].update(owner="z", fence=row.lease_fence, until=self.time + LEASE, attempts=row.attempts)
        return got


def run(url: str, keys: Keys, examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    """Let chance play against the model."""
    with Store.open(url, keys, clock=lambda: Leases.time) as store:
        machine = type("LeasesOfOneDatabase", (Leases,), {"store": store})
        how = settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            phases=phases,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine, settings=how)


def test_leases_do_what_the_model_does(database_url: str, keys: Keys) -> None:
    run(database_url, keys, examples=12)


@pytest.mark.slow
@pytest.mark.faults
def test_leases_do_what_the_model_does_for_long(database_url: str, keys: Keys) -> None:
    run(database_url, keys, examples=200)
