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
from gateway.channels.http import BadUrl, Reply, checked, open_client, post, retry_after
from gateway.channels.signing import SecretUnusable, sign
from gateway.partners.secrets import SecretMissing, SecretRef, Setting
from gateway.partners.values import Duration, Written


class Consumer(Written):
    """Where a consumer listens, and the secrets it verifies with."""

    url: Setting
    secrets: tuple[SecretRef, ...] = Field(min_length=1, max_length=4)  # the newest first; old ones until they expire
    allow_http: bool = False  # plain http to another machine: only inside a network you trust
    timeout: Duration = timedelta(seconds=20)  # the specification recommends 15 to 30 s


class WebhookChannel:
    """Signed events out."""

    def __init__(self, consumer: Consumer, resolve: Resolve, clock: Callable[[], float] = time.time) -> None:
        self.consumer = consumer
        self._resolve = resolve
        self._clock = clock
        self._client = open_client(consumer.timeout)

    def close(self) -> None:
        self._client.close()

    def send(self, parcel: Parcel) -> SendOutcome:
        try:
            url = checked(self._resolve(self.consumer.url), allow_http=self.consumer.allow_http)
            secrets = [self._resolve(reference) for reference in self.consumer.secrets]
            headers = sign(secrets, parcel.message_id, int(self._clock()), parcel.content)
        except (BadUrl, SecretMissing, SecretUnusable) as error:
            return Refused(str(error))
        reply = post(self._client, url, {**headers, "Content-Type": parcel.media_type}, parcel.content)
        if not isinstance(reply, Reply):
            return Retry(None, reply.why)
        said = f"{reply.status}" + (f": {reply.text}" if reply.text else "")
        if 200 <= reply.status < 300:
            return Sent(said)
        if reply.status == 410:  # the specification: the consumer wants no more of these
            return Refused(f"the consumer has closed this address ({said})")
        return Retry(retry_after(reply.headers), f"the consumer answers {said}")
