from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from counterparties import Simulator

from gateway.simulators.x12 import read_groups

ORDER = {"number": "HP-4471960", "lines": [{"sku": "THROW-WOOL", "quantity": 24, "price": "24.50"}]}
TWO_855 = (
    "ISA*00*          *00*          *ZZ*NORTHWIND      *ZZ*HARBORPINE     *261119*1230*U*00401*000000007*0*P*>~"
    "GS*PR*NORTHWIND*HARBORPINE*20261119*1230*31*X*004010~ST*855*0001~BAK*00*AC*HP-1*20261119~SE*3*0001~"
    "ST*855*0002~BAK*00*AC*HP-2*20261119~SE*3*0002~GE*2*31~IEA*1*000000007~"
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Simulator]]:
    running: list[Simulator] = []

    def one(*options: str) -> Simulator:
        running.append(Simulator("retailer", tmp_path, *options))
        return running[-1]

    yield one
    for simulator in running:
        simulator.stop()


def until(ready: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (value := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def test_it_orders_into_a_folder_and_acknowledges_what_it_collects(
    tmp_path: Path, start: Callable[..., Simulator]
) -> None:
    drop, collect = tmp_path / "drop", tmp_path / "collect"
    drop.mkdir()
    collect.mkdir()
    retailer = start("--drop", str(drop), "--collect", str(collect))
    retailer.control(order=ORDER)
    (group,) = read_groups((drop / "HP-4471960.edi").read_text())
    assert group.header[1] == "PO"
    assert ["PO1", "1", "24", "EA", "24.50", "", "VN", "THROW-WOOL"] in group.sets[0]
    (collect / "855_1.edi").write_text(TWO_855)
    answer = until(lambda: [path for path in drop.iterdir() if path.name.startswith("997")])[0].read_text()
    assert "AK1*PR*31~" in answer
    assert "AK2*855*0001~\nAK5*A~\nAK2*855*0002~\nAK5*A~\nAK9*A*2*2*2~" in answer
    assert [document["control"] for document in retailer.summary()["documents"]] == ["0001", "0002"]
    (line,) = [json.loads(line) for line in retailer.log.read_text().splitlines()]
    assert (line["file"], line["body"]) == ("855_1.edi", TWO_855)


def test_it_takes_documents_over_http_logs_each_arrival_and_keeps_on_answering(
    tmp_path: Path, start: Callable[..., Simulator]
) -> None:
    gateway = Simulator("crm", tmp_path / "..", "--key", "partner-key")  # anything that logs what arrives
    try:
        retailer = start("--send-to", f"{gateway.url}/partner/v1/documents", "--send-key", "partner-key")
        retailer.control(reject="855")
        headers = {"Authorization": "Bearer retailer-key"}
        assert httpx.post(f"{retailer.url}/edi", content=TWO_855, trust_env=False, timeout=60).status_code == 401
        for _ in range(2):  # repetitions are logged and answered like everything else
            reply = httpx.post(f"{retailer.url}/edi", content=TWO_855, headers=headers, trust_env=False, timeout=60)
            assert reply.json() == {"received": 2}
        arrived = until(lambda: len(found := gateway.arrivals("AK1*PR*31", "POST")) == 2 and found)
        assert "AK5*R*5~" in arrived[0]["body"]
        assert "AK9*R*2*2*0~" in arrived[0]["body"]
        assert len(retailer.arrivals("ISA*00", "POST")) == 3
    finally:
        gateway.stop()


def test_an_acknowledgement_nobody_takes_survives_a_kill(tmp_path: Path, start: Callable[..., Simulator]) -> None:
    drop = tmp_path / "later"
    retailer = start("--drop", str(drop))
    headers = {"Authorization": "Bearer retailer-key"}
    httpx.post(f"{retailer.url}/edi", content=TWO_855, headers=headers, trust_env=False, timeout=60).raise_for_status()
    retailer.restart()
    drop.mkdir()
    assert "AK1*PR*31~" in until(lambda: [path.read_text() for path in drop.glob("997*")])[0]


def test_what_is_no_interchange_is_refused(start: Callable[..., Simulator]) -> None:
    retailer = start()
    headers = {"Authorization": "Bearer retailer-key"}
    reply = httpx.post(f"{retailer.url}/edi", content=b"hello", headers=headers, trust_env=False, timeout=60)
    assert reply.status_code == 422
