"""What a trace asks of a large database: nothing that reads a table from end to end."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline_road import Road
from road_documents import interchange, order
from sqlalchemy import event, select

from gateway.pipeline.trace import trace
from gateway.store.schema import document

LARGE = {"transmission", "interchange", "functional_group", "document", "event", "event_key", "delivery", "flow"}


def scans(road: Road, asked: list[tuple[str, Any]]) -> set[str]:
    """The large tables these statements read whole, as SQLite plans them."""
    found = set()
    with road.store.read() as view:
        for statement, parameters in asked:
            plan = view.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            words = [row[3].split() for row in plan]
            found |= {one[1] for one in words if one[0] == "SCAN" and one[1] in LARGE}
    return found


@pytest.mark.parametrize("database_kind", ["sqlite"])  # PostgreSQL plans by what stands in the tables
def test_no_table_is_read_whole_for_a_key_or_for_a_partner_who_is_quiet(road: Road) -> None:
    road.receive(interchange([order("HP-1", "0001"), order("4711", "0002")], number=77))
    road.work()
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    for key, lines in (("HP-1", 6), ("4711", 6), ("77", 6), ("D-1", 6), ("nobody knows it", 0)):
        event.listen(road.store.readers, "before_cursor_execute", note)
        with road.store.read() as view:
            assert len(trace(view, key).lines) >= lines, key
            mine = select(document).where(document.c.partner == "harbor-pine", document.c.lane == "production")
            view.all(mine.order_by(document.c.id.desc()).limit(50))
        event.remove(road.store.readers, "before_cursor_execute", note)
        assert scans(road, [one for one in asked if one[0].startswith(("SELECT", "WITH"))]) == set(), key
        asked.clear()


def test_an_order_is_found_by_its_number_alone_and_by_its_whole_key(road: Road) -> None:
    road.receive(interchange([order("HP-1", "0001"), order("HP-2", "0002")]))
    road.work()
    with road.store.read() as view:
        found = [{line.subject for line in trace(view, key).lines} for key in ("HP-1", "harbor-pine/HP-1")]
    assert found[0] == found[1]
    assert {"D-1", "evt_1"} <= found[0]
    assert not {"D-2", "evt_2"} & found[0]
