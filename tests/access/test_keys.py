"""API keys and what they allow."""

from __future__ import annotations

import pytest

from gateway.access import Key, NotAllowed, Scope, hash_of, new_token, require


def key(*scopes: Scope) -> Key:
    return Key("erp", frozenset(scopes), "production")


@pytest.mark.parametrize(
    ("has", "wants"),
    [(Scope.WRITE, Scope.READ), (Scope.ADMIN, Scope.WRITE), (Scope.PARTNER, Scope.PARTNER)],
)
def test_a_scope_includes_the_lesser_ones(has: Scope, wants: Scope) -> None:
    require(key(has), wants)


@pytest.mark.parametrize(
    ("has", "wants"),
    [(Scope.READ, Scope.WRITE), (Scope.PARTNER, Scope.READ), (Scope.ADMIN, Scope.PARTNER), (Scope.WRITE, Scope.ADMIN)],
)
def test_and_no_other(has: Scope, wants: Scope) -> None:
    with pytest.raises(NotAllowed, match=wants):
        require(key(has), wants)


def test_tokens_differ_and_their_hash_does_not_show_them() -> None:
    one, other = new_token(), new_token()
    assert one != other
    assert one not in hash_of(one)
