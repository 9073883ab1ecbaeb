"""docs/as2-first-partner.md followed word by word; the two sides that it makes then trade."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from followed_page import follow

from gateway.as2.build import Document, build
from gateway.as2.mdn import Sent, judge, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Partnership
from gateway.as2.receive import receive
from gateway.channels.as2_settings import As2Settings
from gateway.partners import secrets
from gateway.partners.book import Book


def agreed(deployment: Path, connection: str) -> Partnership:
    """What the profile of a connection says, its certificates loaded."""
    book = Book.load(deployment / "partners", deployment / "maps")
    return As2Settings.model_validate(book.connections[connection].settings).partnership(secrets.resolve)


@pytest.mark.slow
@pytest.mark.story
def test_the_page_works_as_it_is_written(tmp_path: Path) -> None:
    said = follow("as2-first-partner.md", tmp_path)
    assert said.count("Published as") == 2
    assert said.count("Compare by telephone") == 2
    ours = agreed(tmp_path / "edi", "pine-street-test")
    theirs = agreed(tmp_path / "pine-street", "northwind-edi-test")
    now = datetime.now(UTC)
    for sender, receiver in ((theirs, ours), (ours, theirs)):
        message = build([Document(b"ISA*")], sender, message_id_="<1@test>", now=now, entropy=os.urandom)
        body = message.body()
        got = receive(message.headers, [body], receiver, now=now, mdn_id="<2@test>", entropy=os.urandom)
        assert got.mdn is not None
        receipt = read_mdn(Headers(got.mdn.headers), got.mdn.body, sender, now)
        sent = Sent("<1@test>", sender.our.as2_name, sender.their.as2_name, message.mics, signed_receipt=True)
        assert judge(receipt, sent).acknowledged
