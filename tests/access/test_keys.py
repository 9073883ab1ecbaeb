from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import Scope, hash_of, issue

PARTNER = frozenset({Scope.PARTNER_SEND})


def test_the_token_is_not_in_what_we_keep() -> None:
    issued = issue("erp", frozenset({Scope.INTERNAL_READ}), "production")
    assert issued.token not in repr(issued.key)
    assert issued.key.hash == hash_of(issued.token)


def test_two_keys_never_share_a_token_and_a_token_shows_its_lane() -> None:
    tokens = {issue("k", PARTNER, "test", "acme").token for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("gw_test_") and len(token) >= 8 + 43 for token in tokens)
    assert issue("k", PARTNER, "production", "acme").token.startswith("gw_live_")


@pytest.mark.parametrize(
    ("scopes", "partner", "said"),
    [
        (frozenset(), None, "opens nothing"),
        (frozenset({Scope.PARTNER_SEND}), None, "must name its partner"),
        (frozenset({Scope.ADMIN}), "acme", "would see other partners"),
        (frozenset({Scope.PARTNER_READ, Scope.INTERNAL_READ}), "acme", "internal:read"),
    ],
)
def test_scopes_and_partner_must_fit(scopes: frozenset[Scope], partner: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        issue("k", scopes, "production", partner)


@given(st.frozensets(st.sampled_from(Scope)), st.sampled_from(["production", "test"]), st.none() | st.text(min_size=1))
def test_a_key_that_is_made_never_joins_a_partner_with_our_own_scopes(
    scopes: frozenset[Scope], lane: str, partner: str | None
) -> None:
    try:
        key = issue("k", scopes, lane, partner).key
    except ValueError:
        return
    assert all(scope.startswith("partner:") for scope in key.scopes) == (key.partner is not None)
