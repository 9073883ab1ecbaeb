"""Housekeeping of inboxes: what was received long ago leaves the view, what was never finished is given up."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.pipeline.alert import Alert, raise_alerts
from gateway.sftpd.login import Login
from gateway.store import uploads
from gateway.store.engine import Store
from gateway.store.retry import SECOND


def tend(store: Store, logins: Iterable[Login]) -> None:
    for login in logins:
        with store.begin() as tx:
            listed_for = int(login.settings.listed_for.total_seconds() * SECOND)
            uploads.forget_received(tx, login.connection, tx.now - listed_for)
            unfinished_for = int(login.settings.unfinished_for.total_seconds() * SECOND)
            given_up = uploads.abandoned(tx, login.connection, tx.now - unfinished_for)
            for row in given_up:
                uploads.remove(tx, login.connection, row.name)
            raise_alerts(
                tx,
                [
                    Alert(
                        "upload-abandoned",
                        login.lane,
                        f"sftp:{login.connection}:abandoned",
                        {"connection": login.connection, "name": row.name, "size": row.size, "how": _HOW[row.status]},
                        f"{login.settings.inbox}/{row.name}",
                    )
                    for row in given_up
                ],
            )


_HOW = {uploads.PARTIAL: "was cut off", uploads.HELD: "never got its final name"}
