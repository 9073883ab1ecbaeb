"""docs/operating.md and docs/postgresql.md followed word by word."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest
from followed_page import follow
from sqlalchemy import make_url

pytestmark = [
    pytest.mark.slow,
    pytest.mark.story,
    pytest.mark.skipif(shutil.which("curl") is None, reason="the pages use curl"),
]


def test_the_runbook_works_as_it_is_written(tmp_path: Path) -> None:
    said = follow("operating.md", tmp_path)
    assert '{"status":"ready"}' in said
    assert "gateway_oldest_due_seconds" in said
    assert "Waits for a person: W-" in said


def test_the_way_to_postgresql_works_as_it_is_written(tmp_path: Path, postgresql: str) -> None:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("CREATE DATABASE moved_to")
    try:
        address = make_url(postgresql).set(database="moved_to").render_as_string(hide_password=False)
        said = follow("postgresql.md", tmp_path, NEW_DATABASE=address)
        assert said.count('{"status":"ready"}') == 2
    finally:
        with psycopg.connect(postgresql, autocommit=True) as connection:
            connection.execute("DROP DATABASE moved_to WITH (FORCE)")
