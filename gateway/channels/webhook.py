"""Events to a consumer's address, signed (signing.py).

The id stays the same on every try and the timestamp does not: a consumer drops repetitions by the id, so an answer that
never came simply means another try.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from pydantic import Field

from gateway.channels.channel import Parcel, Refused, Resolve, Retry, SendOutcome, Sent
from gateway.channels.http import BadUrl, Reply, checked, post, retry_after
from gateway.channels.signing import SecretUnusable, sign
from gateway.clients import Clients
from gateway.partners.secrets import SecretMissing, SecretRef, Url
from gateway.partners.values import Duration, Written


class WebhookSettings(Written):
    """Where a consumer listens, and the secrets it verifies with."""

    url: Url = Field(description="Where the consumer listens.")
    secrets: tuple[SecretRef, ...] = Field(
        min_length=1, max_length=4, description="What it verifies with: the newest first, old ones until they expire."
    )
    allow_http: bool = Field(default=False, description="Plain http to another machine, inside a network you trust.")
    timeout: Duration = Field(
        default=timedelta(seconds=20), description="How long we wait without a byte; consumers should answer in 15 s."
    )


class WebhookChannel:
    """Signed events out."""

    def __init__(self, settings: WebhookSettings, resolve: Resolve, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._resolve = resolve
        self._clock = clock
        self._clients = Clients(settings.timeout.total_seconds())

    def close(self) -> None:
        self._clients.close()

    def send(self, parcel: Parcel) -> SendOutcome:
        try:
            url = checked(self._resolve(self.settings.url), allow_http=self.settings.allow_http)
            secrets = [self._resolve(reference) for reference in self.settings.secrets]
            headers = sign(secrets, parcel.message_id, int(self._clock()), parcel.content)
        except (BadUrl, SecretMissing, SecretUnusable) as error:
            return Refused(str(error))
        with self._clients.one() as client:
            reply = post(client, url, {**headers, "Content-Type": parcel.media_type}, parcel.content)
        if not isinstance(reply, Reply):
            return Retry(None, reply.why)
        said = f"{reply.status}" + (f": {reply.text}" if reply.text else "")
        if 200 <= reply.status < 300:
            return Sent(said)
        if reply.status == 410:  # the specification: the consumer wants no more of these
            return Refused(f"the consumer has closed this address ({said})")
        return Retry(retry_after(reply.headers), f"the consumer answers {said}")
