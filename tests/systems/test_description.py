from __future__ import annotations

from pathlib import Path

import pytest
from counterparties import ROOT

from gateway.partners.faults import ProfileFaults
from gateway.systems.description import load

GOOD = """\
system: wms
lane: test
base_url: https://wms.example.com/api
auth: {bearer: env:WMS_KEY}
limits: {rate: 6000/5m}
operations:
  submit_order:
    steps:
    - name: read
      request: GET /orders/{document.order_number}
      take: {tag: "header:ETag"}
    - name: create
      find:
        request: GET /orders
        query: {ref: "{key}"}
        items: /hits
        match: {/ref: "{key}"}
      request: POST /orders
      headers: {If-Match: "{steps.read.tag}"}
      body: {ref: "{key}"}
      take: {id: /id}
    ref: "{steps.create.id}"
"""


def test_a_good_one_loads() -> None:
    system = load("wms.yaml", GOOD)
    assert system.limits.rate is not None
    assert (system.limits.rate.count, system.limits.rate.per.total_seconds()) == (6000, 300)


@pytest.mark.parametrize("path", sorted((ROOT / "partners").glob("*/systems/*.yaml")), ids=lambda path: path.name)
def test_every_connector_we_ship_loads(path: Path) -> None:
    load(str(path), path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("right", "wrong", "line", "says", "remedy"),
    [
        ("lane: test", "lane: stage", 2, "lane", ""),
        ("lane: test\n", "", 1, "`lane` is missing", "add `lane: production"),
        ("auth: {bearer: env:WMS_KEY}", "auth: {bearer: s3cret}", 4, "a secret is written out", "env:"),
        ("auth: {bearer: env:WMS_KEY}", "auth: {}", 4, "more or less than one way", "bearer"),
        ("rate: 6000/5m", "rate: fast", 5, "`fast` is no rate", "20/s"),
        ("limits:", "limit:", 5, "`limit` means nothing here", "limits"),
        ("submit_order:", "sumbit_order:", 7, "`sumbit_order` means nothing", "did you mean submit_order"),
        ("limits: {rate: 6000/5m", "limits: [6000/5m]\nx: {a: 1", 5, "`limits` needs lines of its own", "{rate: 20/s}"),
        ("rate: 6000/5m", "concurrency: 0", 5, "`concurrency: 0` is less than 1", "at least 1"),
        ("- name: read", "- name: Read It", 9, "`name: Read It` is not written as it must", "order_id"),
        ("take: {id: /id}", "take: /id", 21, "`take` needs lines of its own", "{id: /id}"),
        ("request: GET /orders/{document.order_number}", "request: FETCH /orders", 10, "a method", "POST /v1/orders"),
        ("request: POST /orders", "request: POST orders", 18, "not a path", "begin with one /"),
        ("request: POST /orders", "request: POST //evil.example.com/x", 18, "not a path", ""),
        ("request: POST /orders", "request: POST /orders/../admin", 18, "not a path", ""),
        ("request: POST /orders", "request: POST /orders?x=1", 18, "not a path", "query"),
        ("request: POST /orders", "request: POST /orders/{docment.id}", 18, "no `docment`", "document"),
        ("{steps.read.tag}", "{steps.raed.tag}", 19, "no earlier step", "read"),
        ("{steps.read.tag}", "{steps.create.id}", 19, "no earlier step", "read"),
        ("{steps.read.tag}", "{steps.read.tga}", 19, "takes no `tga`", "tag"),
        ('body: {ref: "{key}"}', 'body: {ref: "{key"}', 20, "a brace", "docs/connectors.md"),
        ("take: {id: /id}", "take: {id: id}", 21, "not a JSON pointer", "/order/number"),
        ('ref: "{steps.create.id}"', 'ref: "{steps.create.nr}"', 22, "takes no `nr`", "id"),
        ("- name: create", "- name: read", 12, "two steps are called `read`", "its own name"),
        ("find:\n        request: GET", "find:\n        request: POST", 13, "changes something", "GET"),
        ('ref: "{steps.create.id}"', 'ref: "{steps.create.id}"\n\tx: 1', 23, "a tab", "spaces"),
        ('query: {ref: "{key}"}', 'query: {ref: "{steps.read.tag}"}', 0, "", ""),
    ],
)  # fmt: skip
def test_every_mistake_has_a_line_and_a_remedy(right: str, wrong: str, line: int, says: str, remedy: str) -> None:
    assert right in GOOD
    text = GOOD.replace(right, wrong, 1)
    if not says:  # a look may use what a step that only reads has answered
        load("wms.yaml", text)
        return
    with pytest.raises(ProfileFaults) as refused:
        load("wms.yaml", text)
    fault = refused.value.faults[0]
    assert (fault.file, fault.line) == ("wms.yaml", line), fault
    assert says in fault.text, fault
    assert remedy in fault.remedy, fault


def test_a_step_that_changes_something_needs_a_find_or_a_reason() -> None:
    start, end = GOOD.index("      find:"), GOOD.index("      request: POST")
    with pytest.raises(ProfileFaults) as refused:
        load("wms.yaml", GOOD[:start] + GOOD[end:])
    (fault,) = refused.value.faults
    assert "nothing says how to see whether it happened" in fault.text
    assert "repeatable" in fault.remedy
    load("wms.yaml", GOOD[:start] + "      repeatable: the server drops repeated keys\n" + GOOD[end:])


def test_a_look_may_not_need_what_only_another_sending_would_tell() -> None:
    text = GOOD.replace(
        "request: GET /orders/{document.order_number}", "request: PUT /orders\n      repeatable: an upsert"
    )
    load("wms.yaml", text)
    with pytest.raises(ProfileFaults) as refused:
        load("wms.yaml", text.replace('query: {ref: "{key}"}', 'query: {ref: "{steps.read.tag}"}'))
    (fault,) = refused.value.faults
    assert "only known after asking step `read` again" in fault.text
    assert fault.line == 16
