from __future__ import annotations

import datetime as dt
import json

from cli.deployments import Deployment
from gateway.cli.apply import app
from gateway.cli.opening import opened_store
from gateway.partners import Book
from gateway.pipeline import publishing

PARTNER = "partners/harbor-pine/partner.yaml"


def active() -> str | None:
    with opened_store() as store, store.read() as view:
        return publishing.active_hash(view)


def test_the_first_apply_makes_the_store_and_publishes(deployment: Deployment) -> None:
    done = deployment.run(app, "--yes")
    assert done.exit_code == 0
    assert f"new: {PARTNER}" in done.output
    book = Book.load(deployment.folder / "partners", deployment.folder / "maps")
    assert active() == book.revision
    assert f"Published as {book.revision[:12]}" in done.output


def test_what_is_published_is_read_back_word_for_word(deployment: Deployment) -> None:
    deployment.run(app, "--yes")
    with opened_store() as store, store.read() as view:
        files = publishing.files_of(view, active() or "")
    assert files[PARTNER] == (deployment.folder / PARTNER).read_text("utf-8")


def test_a_change_is_shown_line_by_line_and_old_revisions_stay(deployment: Deployment) -> None:
    deployment.run(app, "--yes")
    first = active()
    deployment.edit(PARTNER, "within: 1h", "within: 2h")
    shown = deployment.run(app, "--dry-run")
    assert "-  acknowledge: {within: 1h}" in shown.output
    assert "+  acknowledge: {within: 2h}" in shown.output
    assert shown.exit_code == 0
    assert active() == first
    deployment.run(app, "--yes")
    assert active() != first
    with opened_store() as store, store.read() as view:
        old = Book.from_files(publishing.files_of(view, first or ""))
    assert old.agreements["harbor-pine/orders"].acknowledge.within == dt.timedelta(hours=1)


def test_without_yes_and_without_a_terminal_nothing_is_done(deployment: Deployment) -> None:
    done = deployment.run(app)
    assert done.exit_code == 1
    assert "Nothing was done." in done.output
    assert active() is None


def test_the_same_again_publishes_nothing(deployment: Deployment) -> None:
    deployment.run(app, "--yes")
    again = deployment.run(app, "--yes")
    assert again.exit_code == 0
    assert "Nothing to publish" in again.output


def test_faults_publish_nothing(deployment: Deployment) -> None:
    deployment.edit(PARTNER, "our: northwind", "our: northwynd")
    done = deployment.run(app, "--yes")
    assert done.exit_code == 2
    assert f"{PARTNER}:17" in done.output
    assert active() is None


def test_a_path_publishes_only_that(deployment: Deployment) -> None:
    deployment.run(app, "--yes")
    deployment.edit(PARTNER, "within: 1h", "within: 2h")
    deployment.edit("partners/northwind/company.yaml", "Northwind Supply", "Northwind")
    done = deployment.run(app, "partners/northwind", "--yes", "--json")
    assert json.loads(done.stdout)["changes"] == [{"file": "partners/northwind/company.yaml", "how": "changed"}]
    with opened_store() as store, store.read() as view:
        book = Book.from_files(publishing.files_of(view, publishing.active_hash(view) or ""))
    assert book.companies["northwind"].name == "Northwind"
    assert book.agreements["harbor-pine/orders"].acknowledge.within == dt.timedelta(hours=1)


def test_a_later_time_holds_from_then_on(deployment: Deployment) -> None:
    deployment.run(app, "--yes")
    first = active()
    deployment.edit(PARTNER, "within: 1h", "within: 2h")
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    assert deployment.run(app, "--yes", "--from", later.isoformat()).exit_code == 0
    assert active() == first
    with opened_store() as store, store.read() as view:
        then = publishing.active_hash(view, int(later.timestamp() * 1_000_000) + 1)
    assert then == Book.load(deployment.folder / "partners", deployment.folder / "maps").revision


def test_times_that_cannot_be_meant(deployment: Deployment) -> None:
    for text, said in [("soon", "is no time"), ("2030-01-01T00:00", "has no zone"), ("2020-01-01T00:00Z", "past")]:
        done = deployment.run(app, "--yes", "--from", text)
        assert done.exit_code == 2, text
        assert said in done.output
