"""`gateway inspect` on AS2: files as they came, bare CMS, receipts, stored messages; with and without the profiles."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from as2_site import As2Site, as2_site, certificates
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipeline_road import ROOT
from road_documents import interchange, order
from typer.testing import CliRunner

from gateway.as2.partnership import Sends
from gateway.channels.as2 import join
from gateway.cli.inspect import app
from gateway.store import schema
from gateway.store.engine import Store

EDI = interchange([order()])
PIECES = [
    b"AS2-From: a\r\n",
    b"Content-Type: multipart/signed; boundary=B\r\n",
    b"Content-Type: application/pkcs7-mime\r\n",
    b"Content-Type: multipart/report; boundary=B\r\n",
    b"\r\n",
    b"--B\r\n",
    b"--B--",
    b"0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80",
    b"0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80",
    b"MIIBAgYJKoZIhvcNAQcD",
    b"POST /as2 HTTP/1.1\r\n",
]


@pytest.fixture(scope="module")
def pair() -> Any:
    return certificates()


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def site(store: Store, pair: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[As2Site]:
    """A served house whose folder is where the command line runs."""
    with as2_site(store, tmp_path, *pair) as served:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GATEWAY_MAPS", str(ROOT / "maps"))
        monkeypatch.setenv("GATEWAY_DATABASE_URL", str(store.url))
        monkeypatch.setenv("GATEWAY_PAYLOAD_KEY", "env:KEY")
        monkeypatch.setenv("KEY", base64.b64encode(bytes(range(32))).decode())
        yield served


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(done.stdout)


def words(*arguments: str) -> str:
    return CliRunner().invoke(app, list(arguments)).output


def saved(site: As2Site, name: str, headers: list[tuple[str, str]], body: bytes) -> str:
    path = Path(name)
    path.write_bytes(b"".join(join(headers, [body])))
    return str(path)


def test_a_message_as_it_came(site: As2Site) -> None:
    message = site.message(EDI, "<a@hp>")
    code, found = run(saved(site, "message.eml", message.headers, message.body()))
    assert (code, found["verdict"], found["format"], found["findings"]) == (0, "accept", "AS2 message", [])
    assert found.keys() == {"file", "format", "interchanges", "verdict", "findings", "as2"}
    about = found["as2"]
    assert (about["connection"], about["message_id"]) == ("harbor-pine", "<a@hp>")
    assert [layer["kind"] for layer in about["layers"]] == ["encryption", "signature"]
    assert about["layers"][1]["verified"] is True
    assert about["parts"][0]["begins"].startswith("ISA*00*")
    assert about["mic"]["value"] == message.mics["sha256"]
    (inside,) = found["interchanges"]  # the document in it is inspected as a file of its own would be
    assert inside["groups"][0]["documents"][0]["set"] == "850"


def test_a_fault_of_the_document_in_a_message_is_said_in_its_segment(site: As2Site) -> None:
    message = site.message(EDI.replace(b"*EA*23.95", b"*EA*dear"), "<b@hp>")
    name = saved(site, "faulty.eml", message.headers, message.body())
    code, found = run(name)
    assert (code, found["verdict"], found["findings"]) == (1, "accept-with-errors", [])
    said = words(name)
    assert "invalid-number" in said
    assert "1 file: 1 accept with errors · 1 interchange with 1 × 850" in said


def test_a_stored_one_that_was_refused(site: As2Site) -> None:
    """By its id, with keys and certificates as of the day it came."""
    sends = replace(Sends(), cipher=None)
    message = site.message(EDI, "<a@hp>", side=replace(site.their_side, sends=sends))
    headers = [(name, value) for name, value in message.headers if name != "Content-Length"]
    site.post(headers, message.body().replace(b"BEG*00", b"BEG*01"))
    (row,) = site.road.rows(schema.transmission)
    code, found = run(f"T-{row.id}")
    assert (code, found["verdict"]) == (1, "reject")
    (fault,) = found["findings"]
    assert fault["code"] == "as2-integrity"
    assert {"message", "remedy", "bytes", "certificate", "rule", "severity"} <= fault.keys()
    said = words(f"T-{row.id}")
    for word in ("which bytes: ", "which certificate: ", "which rule: ", "what to do: ", "→ reject"):
        assert word in said


@pytest.mark.parametrize("form", ["der", "base64", "pem"])
def test_bare_cms(site: As2Site, form: str) -> None:
    body = site.message(EDI).body()
    text = base64.encodebytes(body)
    wrapped = {"der": body, "base64": text, "pem": b"-----BEGIN CMS-----\n" + text + b"-----END CMS-----\n"}[form]
    Path("message.p7m").write_bytes(wrapped)
    code, found = run("message.p7m")
    assert (code, found["format"]) == (0, "CMS")
    assert found["findings"][0]["code"] == "as2-unchecked"
    code, found = run("message.p7m", "--connection", "harbor-pine")
    assert (code, found["findings"]) == (0, [])
    assert found["as2"]["parts"][0]["filename"] == "po.edi"


def test_a_receipt_of_ours_and_a_refusal(site: As2Site) -> None:
    answer = site.send(EDI, "<a@hp>")
    code, found = run(saved(site, "mdn.eml", answer.headers.multi_items(), answer.content))
    assert (code, found["format"], found["verdict"]) == (0, "AS2 receipt", "accept")
    about = found["as2"]
    assert (about["original_message_id"], about["signed"], about["layers"][0]["verified"]) == ("<a@hp>", True, True)
    assert about["mic"]
    no = site.send(EDI, side=replace(site.their_side, sends=replace(Sends(), digest=None)))
    code, found = run(saved(site, "no.eml", no.headers.multi_items(), no.content))
    assert (code, found["verdict"]) == (1, "reject")
    assert "insufficient-message-security" in found["as2"]["disposition"]
    assert "compare their sheet" in found["as2"]["meaning"]


def test_with_a_request_line_and_without_profiles(site: As2Site, monkeypatch: pytest.MonkeyPatch) -> None:
    message = site.message(EDI)
    Path("capture.txt").write_bytes(
        b"POST /as2 HTTP/1.1\r\nHost: x\r\n" + b"".join(join(message.headers, [message.body()]))
    )
    monkeypatch.setenv("GATEWAY_PARTNERS", "nowhere")
    code, found = run("capture.txt")
    assert (code, found["as2"]["connection"]) == (0, None)
    assert [(one["code"], one["severity"]) for one in found["findings"]] == [("as2-unchecked", "warning")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("T-999",), "there is no transmission T-999"),
        (("x.p7m", "--connection", "harbor-pin"), "did you mean harbor-pine"),
    ],
)
def test_what_cannot_be_looked_at(site: As2Site, arguments: tuple[str, ...], said: str) -> None:
    Path("x.p7m").write_bytes(site.message(EDI).body())
    done = CliRunner().invoke(app, list(arguments))
    assert said in str(done.exception)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PARTNERS", "nowhere")


@pytest.mark.usefixtures("nowhere")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=12).map(b"".join))
def test_any_bytes_are_said_to_be_something(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "any"
    file.write_bytes(data)
    done = CliRunner().invoke(app, [str(file), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert json.loads(done.stdout)["verdict"]
