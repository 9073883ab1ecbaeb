from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.access import SCOPES, Scope, authorize, issue, parse_scopes

THEIRS = issue("acme", parse_scopes(["partner:*"]), "production", "acme").key
OURS = issue("erp", parse_scopes(["internal:read"]), "production").key
ADMIN = issue("ops", parse_scopes(["admin"]), "test").key


def test_a_partner_sees_only_its_own_in_its_own_lane() -> None:
    assert authorize(THEIRS, Scope.PARTNER_SEND, lane="production", partner="acme")
    refused = authorize(THEIRS, Scope.PARTNER_READ, lane="production", partner="other")
    assert refused.reason == "there is nothing here for this key"
    assert not authorize(THEIRS, Scope.PARTNER_SEND, lane="test", partner="acme")
    assert not authorize(THEIRS, Scope.INTERNAL_READ)


def test_reading_is_not_writing() -> None:
    assert authorize(OURS, Scope.INTERNAL_READ, lane="production", partner="acme")
    assert authorize(OURS, Scope.INTERNAL_WRITE).reason == "the key lacks the scope internal:write"


def test_admin_reads_and_writes_but_keeps_to_its_lane() -> None:
    assert authorize(ADMIN, Scope.INTERNAL_WRITE, lane="test")
    assert not authorize(ADMIN, Scope.INTERNAL_WRITE, lane="production")
    assert not authorize(ADMIN, Scope.PARTNER_SEND)


@pytest.mark.parametrize("key", [None, replace(OURS, revoked=True)])
def test_no_key_and_a_revoked_key_are_told_the_same(key: object) -> None:
    assert authorize(key, Scope.INTERNAL_READ).reason == "the key is not known"  # type: ignore[arg-type]


def test_unknown_scope_is_named() -> None:
    with pytest.raises(ValueError, match="there is no scope `root`"):
        parse_scopes(["root"])


def test_every_scope_has_a_sentence() -> None:
    assert set(SCOPES) == set(Scope)
