from __future__ import annotations

import base64
import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.channels.channel import Parcel, Refused, Retry, Sent, Unknown
from gateway.channels.cloudevents import MEDIA_TYPE, encode, envelope
from gateway.channels.http import HttpChannel, HttpSettings
from gateway.channels.signing import NotVerified, SecretUnusable, sign, verify
from gateway.channels.table import POLLERS, SENDERS, SETTINGS, open_poller, open_sender
from gateway.channels.webhook import WebhookChannel, WebhookSettings
from gateway.partners.secrets import SecretMissing

NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
BODY = '{"type":"order.accepted","data":{"name":"Höhe"}}'.encode()


class Consumer:
    """A server that keeps what comes and answers as told."""

    def __init__(self) -> None:
        self.status, self.headers, self.delay = 200, {}, False
        self.arrivals: list[tuple[dict[str, str], bytes]] = []
        consumer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                consumer.arrivals.append(({name.lower(): value for name, value in self.headers.items()}, body))
                if consumer.delay:
                    return  # hangs up without a word
                self.send_response(consumer.status)
                for name, value in consumer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"thank you\r\nvery much")

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/in"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def consumer() -> Iterator[Consumer]:
    made = Consumer()
    yield made
    made.close()


SECRETS = {"env:NEW": NEW, "env:OLD": OLD, "env:KEY": "k-1", "env:GOPHER": "gopher://127.0.0.1"}


def resolve(reference: str) -> str:
    if reference.startswith("env:") and reference not in SECRETS:
        raise SecretMissing(f"{reference}: the environment has no such variable")
    return SECRETS.get(reference, reference)


def webhook(url: str, *secrets: str) -> WebhookChannel:
    settings = WebhookSettings.model_validate({"url": url, "secrets": secrets, "timeout": "1s"})
    return WebhookChannel(settings, resolve)


PARCEL = Parcel(BODY, "", MEDIA_TYPE, "E-4711")


def test_the_reference_library_verifies_what_we_send(consumer: Consumer) -> None:
    standardwebhooks = pytest.importorskip("standardwebhooks", reason="of the test extra")
    wire = webhook(consumer.url, "env:NEW", "env:OLD")
    assert wire.send(PARCEL) == Sent("200: thank you very much")
    wire.close()
    ((headers, body),) = consumer.arrivals
    for secret in (NEW, OLD):  # both sides of a change of secrets
        assert standardwebhooks.Webhook(secret).verify(body, headers) == json.loads(BODY)
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(other).verify(body, headers)


def test_we_verify_what_the_reference_library_signs() -> None:
    standardwebhooks = pytest.importorskip("standardwebhooks", reason="of the test extra")
    now = dt.datetime.now(dt.UTC)
    signature = standardwebhooks.Webhook(NEW).sign("msg_1", now, BODY.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    assert verify([OLD, NEW], headers, BODY, now.timestamp()) == "msg_1"


def test_the_vector_of_the_specifications_own_tests() -> None:
    headers = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "E-4712"},
        {"webhook-timestamp": "1699999999"},
        {"webhook-timestamp": "yesterday"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v2,"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,ä"},
    ],
)
def test_anything_changed_is_not_believed(change: dict[str, str]) -> None:
    headers = {**sign([NEW], "E-4711", 1_700_000_000, BODY), **change}
    with pytest.raises(NotVerified):
        verify([NEW], headers, BODY, 1_700_000_000)


def test_old_other_or_missing_is_not_believed() -> None:
    headers = sign([NEW], "E-4711", 1_700_000_000, BODY)
    assert verify([NEW], headers, BODY, 1_700_000_300) == "E-4711"
    for now, body, secret in (
        (1_700_000_301, BODY, NEW),
        (1_700_000_000, BODY + b" ", NEW),
        (1_700_000_000, BODY, OLD),
    ):
        with pytest.raises(NotVerified):
            verify([secret], headers, body, now)
    del headers["webhook-id"]
    with pytest.raises(NotVerified):
        verify([NEW], headers, BODY, 1_700_000_000)


@pytest.mark.parametrize(
    "secret", ["plain", "whsec_!!!", "whsec_c2hvcnQ=", "whsec_" + base64.b64encode(b"x" * 65).decode()]
)
def test_a_bad_secret_is_named_and_never_shown(secret: str) -> None:
    with pytest.raises(SecretUnusable) as refused:
        sign([secret], "E-1", 1, b"")
    assert secret.removeprefix("whsec_") not in str(refused.value)


def test_an_id_cannot_move_the_dots() -> None:
    with pytest.raises(SecretUnusable):
        sign([NEW], "E-1.1700000000", 1, b"")


def test_every_try_has_the_same_id_and_body_and_its_own_time(consumer: Consumer) -> None:
    times = iter([1_700_000_000.5, 1_700_000_060.5])
    settings = WebhookSettings.model_validate({"url": consumer.url, "secrets": ["env:NEW"]})
    wire = WebhookChannel(settings, resolve, clock=lambda: next(times))
    consumer.status = 500
    assert isinstance(wire.send(PARCEL), Retry)
    consumer.status = 204
    assert isinstance(wire.send(PARCEL), Sent)
    wire.close()
    (first, body), (second, again) = consumer.arrivals
    assert (first["webhook-id"], body) == (second["webhook-id"], again) == ("E-4711", BODY)
    assert first["webhook-timestamp"] != second["webhook-timestamp"]


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after"),
    [
        (404, {}, Retry, None),
        (429, {"Retry-After": "30"}, Retry, 30.0),
        (302, {"Location": "http://169.254.169.254/"}, Retry, None),
        (410, {}, Refused, None),
    ],
)
def test_a_webhook_is_tried_until_it_is_taken_or_gone(
    consumer: Consumer, status: int, headers: dict[str, str], kind: type, after: float | None
) -> None:
    consumer.status, consumer.headers = status, headers
    wire = webhook(consumer.url, "env:NEW")
    outcome = wire.send(PARCEL)
    wire.close()
    assert isinstance(outcome, kind)
    assert not isinstance(outcome, Retry) or outcome.after == after
    assert len(consumer.arrivals) == 1


def test_a_webhook_without_an_answer_is_tried_again(consumer: Consumer) -> None:
    consumer.delay = True
    wire = webhook(consumer.url, "env:NEW")
    assert isinstance(wire.send(PARCEL), Retry)
    wire.close()


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://consumer.example.com/in", "env:NEW"),
        ("https://user@consumer.example.com/in", "env:NEW"),
        ("env:GOPHER", "env:NEW"),
        ("http://127.0.0.1:9/in", "env:MISSING"),
    ],
)
def test_what_our_own_settings_forbid_is_refused_before_anything_is_sent(url: str, secret: str) -> None:
    wire = webhook(url, secret)
    outcome = wire.send(PARCEL)
    wire.close()
    assert isinstance(outcome, Refused)


def post(url: str | None, **settings: Any) -> HttpChannel:
    return HttpChannel(HttpSettings.model_validate({"url": url, "timeout": "1s", **settings}), resolve)


DOCUMENT = Parcel(b"ISA*00*", "855_1.edi", "application/edi-x12", "E-7")


@pytest.mark.parametrize(
    ("settings", "header", "value"),
    [
        ({"bearer": "env:KEY"}, "authorization", "Bearer k-1"),
        ({"user": "gw", "password": "env:KEY"}, "authorization", "Basic Z3c6ay0x"),
        ({"key_header": "X-Api-Key", "key": "env:KEY"}, "x-api-key", "k-1"),
        ({"headers": {"X-Mailbox": "IN"}}, "x-mailbox", "IN"),
        ({"signing_secrets": ["env:NEW"]}, "webhook-id", "E-7"),
        ({}, "idempotency-key", "E-7"),
        ({}, "content-type", "application/edi-x12"),
        ({}, "content-disposition", 'attachment; filename="855_1.edi"'),
    ],
)
def test_a_document_is_posted_as_the_partner_wants_it(
    consumer: Consumer, settings: dict[str, Any], header: str, value: str
) -> None:
    wire = post(consumer.url, **settings)
    assert isinstance(wire.send(DOCUMENT), Sent)
    wire.close()
    ((headers, body),) = consumer.arrivals
    assert (headers[header], body) == (value, b"ISA*00*")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(201, Sent), (503, Retry), (401, Retry), (409, Refused), (422, Refused), (500, Unknown), (302, Unknown)],
)
def test_what_a_partners_answer_means(consumer: Consumer, status: int, kind: type) -> None:
    consumer.status = status
    wire = post(consumer.url)
    assert isinstance(wire.send(DOCUMENT), kind)
    wire.close()


def test_no_answer_is_unknown_and_no_server_is_tried_again(consumer: Consumer) -> None:
    consumer.delay = True
    wire = post(consumer.url)
    assert isinstance(wire.send(DOCUMENT), Unknown)
    wire.close()
    wire = post("http://127.0.0.1:9/in")
    assert isinstance(wire.send(DOCUMENT), Retry)
    wire.close()


def test_a_signed_document_verifies_and_a_bad_secret_stops_it(consumer: Consumer) -> None:
    wire = post(consumer.url, signing_secrets=["env:OLD", "env:NEW"])
    assert isinstance(wire.send(DOCUMENT), Sent)
    wire.close()
    ((headers, body),) = consumer.arrivals
    assert verify([NEW], headers, body, int(headers["webhook-timestamp"])) == "E-7"
    for reference in ("env:KEY", "env:MISSING"):
        wire = post(consumer.url, signing_secrets=[reference])
        assert isinstance(wire.send(DOCUMENT), Refused)
        wire.close()


def test_a_partner_who_fetches_has_no_address_to_post_to() -> None:
    wire = post(None)
    assert isinstance(wire.send(DOCUMENT), Refused)
    wire.close()


def test_the_table_opens_every_kind_with_its_settings(consumer: Consumer) -> None:
    assert {*POLLERS, *SENDERS} == set(SETTINGS)
    wire = open_sender("http", {"url": consumer.url}, resolve)
    assert isinstance(wire.send(DOCUMENT), Sent)
    wire.close()
    assert open_poller("http", {}, resolve) is None
    with pytest.raises(KeyError):
        open_sender("pigeon", {}, resolve)


@pytest.mark.parametrize("half", [{"user": "gw"}, {"key": "env:KEY"}, {"bearer": "k-1"}])
def test_http_settings_say_what_is_wrong(half: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        HttpSettings.model_validate({"url": "https://x.example.com", **half})


def test_an_event_on_the_wire_is_cloudevents_1_0() -> None:
    event = envelope(
        event_id="41",
        event_type="order.accepted",
        version=1,
        source="https://gateway.northwind.example",
        subject="order/HP-1",
        occurred_at=dt.datetime(2026, 11, 19, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
        lane="production",
        correlation_id="c-1",
        causation_id=None,
        keys={"order": ["HP-1", "HP-2"]},
        ids={"erp": "SO-1001"},
        data={"reason": "Höhe"},
    )
    assert event["time"] == "2026-11-19T17:30:00Z"
    assert {"id", "source", "specversion", "type"} <= set(event)
    assert all(name.islower() and name.isalnum() and len(name) <= 20 for name in event)
    assert event["data"] == {"keys": {"order": ["HP-1", "HP-2"]}, "ids": {"erp": "SO-1001"}, "reason": "Höhe"}
    assert encode(event) == encode(dict(reversed(event.items())))
