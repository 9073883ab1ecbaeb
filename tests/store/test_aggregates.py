"""Control numbers, ids, work items, idempotency: what is given out once is given out once, also to many at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import pytest
from sqlalchemy import select, update

from gateway.store import control_numbers, idempotency, ids, schema, work_items
from gateway.store.engine import Store, Tx

ISA = ("northwind", "harbor-pine", "production", "ISA")
TEST_ISA = ("northwind", "harbor-pine", "test", "ISA")


def at_once(*works: Callable[[], object]) -> None:
    faults: list[BaseException] = []

    def caught(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=caught, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []


def test_numbers_follow_each_other_and_lanes_count_apart(store: Store) -> None:
    with store.begin() as tx:
        assert control_numbers.draw(tx, [ISA, TEST_ISA, ISA]) == {ISA: [1, 2], TEST_ISA: [1]}
        assert control_numbers.draw(tx, [ISA])[ISA] == [3]


def test_after_the_highest_number_comes_1(store: Store) -> None:
    with store.begin() as tx:
        control_numbers.draw(tx, [ISA])
        tx.execute(update(schema.control_number).values(value=control_numbers.HIGHEST - 1))
        assert control_numbers.draw(tx, [ISA] * 3)[ISA] == [control_numbers.HIGHEST, 1, 2]


def test_a_number_of_a_transaction_that_failed_is_given_out_next(store: Store) -> None:
    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012 - the failure is the transaction's
        control_numbers.draw(tx, [ISA])
        raise RuntimeError
    with store.begin() as tx:
        assert control_numbers.draw(tx, [ISA])[ISA] == [1]


def test_many_who_draw_get_every_number_once(store: Store) -> None:
    drawn: list[int] = []

    def draw(keys: Sequence[tuple[str, str, str, str]]) -> None:
        for _ in range(20):
            with store.begin() as tx:
                drawn.extend(control_numbers.draw(tx, keys)[ISA])

    at_once(*[lambda keys=keys: draw(keys) for keys in ([ISA, TEST_ISA], [TEST_ISA, ISA]) * 2])  # type: ignore[misc]
    assert sorted(drawn) == list(range(1, 81))


def test_ids_are_given_out_once_and_in_order(store: Store) -> None:
    taken: list[int] = []

    def take() -> None:
        for _ in range(10):
            with store.begin() as tx:
                block = list(ids.take(tx, "document", 7))
                assert block == sorted(block)
                taken.extend(block)

    at_once(take, take, take)
    assert len(set(taken)) == 210
    with store.begin() as tx:
        assert list(ids.take(tx, "document", 0)) == []


class Unlucky(Exception):
    """A transaction fails."""


def test_ids_taken_ahead_are_given_out_once_whatever_is_rolled_back(store: Store) -> None:
    """Several threads of two processes, some of whose transactions fail: what was committed holds each id once."""
    kept: list[int] = []

    def take(here: Store, fails: int) -> None:
        for n in range(20):
            block: list[int] = []
            with suppress(Unlucky), here.begin() as tx:
                block = list(ids.take(tx, "payload", 1 + n % 9))
                assert block == sorted(block)
                tx.insert(schema.payload, [_payload(tx, number) for number in block])
                if n % fails == 0:
                    raise Unlucky
            kept.extend(block if n % fails else ())

    with Store.open(store.url, store.keys) as other:
        at_once(*[partial(take, here, fails) for here in (store, other) for fails in (2, 3)])
    with store.read() as view:
        assert sorted(kept) == list(view.execute(select(schema.payload.c.id).order_by(schema.payload.c.id)).scalars())


def _payload(tx: Tx, number: int) -> dict[str, object]:
    return {"id": number, "owner": "a", "lane": "test", "sha256": "-", "size": 0, "created_at": tx.now}


def item(dedupe_key: str | None = "delivery:1", lane: str = "test") -> dict[str, object]:
    texts = dict.fromkeys(("code", "category", "title", "where_", "why", "who", "what_to_do"), "...")
    return {"lane": lane, "dedupe_key": dedupe_key, "subject": "delivery", "subject_id": 1, **texts}


def test_the_same_trouble_is_one_item_while_it_is_open(store: Store) -> None:
    with store.begin() as tx:
        first, again, other = work_items.open_items(tx, [item(), item(), item(lane="production")])
        assert first == again != other
        assert work_items.open_items(tx, [item()]) == [first]
        assert len(set(work_items.open_items(tx, [item(None), item(None)]))) == 2
        assert work_items.settle(tx, [first], "alex") == [first]
        assert work_items.settle(tx, [first], "sam") == []
        assert work_items.open_items(tx, [item()]) != [first]
        assert len(work_items.open_about(tx, "delivery", 1)) == 4


def test_many_with_the_same_trouble_open_one_item(store: Store) -> None:
    opened: list[int] = []

    def open_it() -> None:
        with store.begin() as tx:
            opened.extend(work_items.open_items(tx, [item()]))

    at_once(*[open_it] * 4)
    assert len(set(opened)) == 1


def once(tx: Tx, made: list[int]) -> idempotency.Answer:
    found = idempotency.begin(tx, "key 7", "abc", "hash")
    if found is not None:
        return found
    made.append(1)
    idempotency.answer(tx, "key 7", "abc", 202, f"made {len(made)}")
    return idempotency.Answer(202, f"made {len(made)}")


def test_the_same_request_twice_is_one_request(store: Store) -> None:
    made: list[int] = []
    answers: list[idempotency.Answer] = []

    def ask() -> None:
        with store.begin() as tx:
            answers.append(once(tx, made))

    at_once(*[ask] * 4)
    assert made == [1]
    assert set(answers) == {idempotency.Answer(202, "made 1")}


def test_a_key_with_another_request_is_refused(store: Store) -> None:
    with store.begin() as tx:
        once(tx, [])
        with pytest.raises(idempotency.KeyReused):
            idempotency.begin(tx, "key 7", "abc", "another hash")
        assert idempotency.begin(tx, "key 8", "abc", "another hash") is None


def test_old_keys_are_forgotten(store: Store) -> None:
    with store.begin() as tx:
        once(tx, [])
        assert idempotency.forget(tx, tx.now) == 0
        assert idempotency.forget(tx, tx.now + 1) == 1
        assert tx.all(select(schema.idempotency)) == []


def test_after_a_restore_a_counter_that_was_not_in_the_backup_does_not_begin_at_1(store: Store) -> None:
    """A partner may have begun after the backup: what it was sent then is out there."""
    other = ("northwind", "blue-ridge", "production", "ISA")
    with store.begin() as tx:
        control_numbers.draw(tx, [ISA])
        control_numbers.skip_ahead(tx, 100)
        assert control_numbers.draw(tx, [ISA, TEST_ISA]) == {ISA: [102], TEST_ISA: [102]}
        control_numbers.skip_ahead(tx, 100)
        assert control_numbers.draw(tx, [ISA, other]) == {ISA: [203], other: [203]}
