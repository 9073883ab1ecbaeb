from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from cli.deployments import Deployment
from gateway.access import hash_of
from gateway.cli.apply import app as apply
from gateway.cli.key import app
from gateway.cli.opening import opened_store
from gateway.store.schema import api_key, audit


@pytest.fixture
def published(deployment: Deployment) -> Deployment:
    deployment.run(apply, "--yes")
    return deployment


def test_a_key_is_shown_once_and_kept_as_a_hash(published: Deployment) -> None:
    said = json.loads(published.run(app, "new", "hp", "--partner", "harbor-pine", "--json").stdout)
    with opened_store() as store, store.read() as view:
        (row,) = view.all(select(api_key))
        (noted,) = view.all(select(audit))
    assert row.hash == hash_of(said["key"])
    assert (row.partner, row.lane, json.loads(row.scopes)) == ("harbor-pine", "test", ["partner:read", "partner:send"])
    assert (noted.action, noted.subject) == ("key made", "key:hp")
    assert said["key"] not in published.run(app, "list").output


def test_a_revoked_key_opens_nothing_and_keeps_its_name(published: Deployment) -> None:
    published.run(app, "new", "erp", "--scope", "internal:read", "--lane", "production")
    assert "erp  production  ours  internal:read  since" in published.run(app, "list").output
    assert published.run(app, "revoke", "erp").exit_code == 0
    assert "revoked" in published.run(app, "list").output
    assert published.run(app, "revoke", "erp").exit_code == 2
    assert "keep their name" in published.run(app, "new", "erp", "--scope", "internal:read").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say what the key may do"),
        (("--scope", "root"), "there is no scope `root`"),
        (("--partner", "nobody"), "there is no partner 'nobody'"),
        (("--partner", "harbor-pine", "--scope", "admin"), "it would see other partners"),
        (("--scope", "partner:send"), "must name its partner"),
    ],
)
def test_what_cannot_be_meant(published: Deployment, arguments: tuple[str, ...], said: str) -> None:
    done = published.run(app, "new", "k", *arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert "There are no keys." in published.run(app, "list").output
