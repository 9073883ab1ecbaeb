from __future__ import annotations

from collections.abc import Iterator

import pytest
from counterparties import Simulator


@pytest.fixture(scope="session")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator("erp", tmp_path_factory.mktemp("erp"), "--pace", "0")
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator("crm", tmp_path_factory.mktemp("crm"))
    yield simulator
    simulator.stop()
