"""How a connector shows who it is. Secrets are looked up when used, tokens kept until they expire or are refused."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from gateway.systems.description import Auth, ClientCredentials
from gateway.systems.exchange import Answer, InDoubt, NotSent, Result

EARLY = 30.0  # seconds before its end a token counts as expired: longer than any clock of ours is off
UNSAID_LIFE = 300.0  # seconds we trust a token whose life was not said

Resolve = Callable[[str], str]  # secret reference -> its value
Post = Callable[[str, dict[str, str], bytes], Result]  # address, headers, body


class NoCredentials(Exception):
    """We cannot show who we are just now."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: float


class Credentials:
    """The headers that authenticate a request; `renew` forgets what was refused."""

    def __init__(self, auth: Auth | None, resolve: Resolve, post: Post) -> None:
        self._auth = auth
        self._resolve = resolve
        self._post = post
        self._token: _Token | None = None
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        """May ask for a token; raises `NoCredentials`, or what `resolve` raises."""
        auth = self._auth
        if auth is None:
            return {}
        if auth.bearer is not None:
            return {"Authorization": f"Bearer {self._resolve(auth.bearer)}"}
        if auth.header is not None:
            return {auth.header.name: self._resolve(auth.header.value)}
        if auth.basic is not None:
            return {"Authorization": _basic(self._resolve(auth.basic.user), self._resolve(auth.basic.password))}
        assert auth.oauth2 is not None
        with self._lock:
            if self._token is None or self._token.until <= time.monotonic():
                self._token = self._fetch(auth.oauth2)
            return {"Authorization": f"Bearer {self._token.text}"}

    def renew(self, refused: dict[str, str]) -> bool:
        """After a 401: True if another try would show something else than what was refused."""
        if self._auth is None:
            return False
        if self._auth.oauth2 is not None:
            with self._lock:
                if self._token is not None and refused.get("Authorization") == f"Bearer {self._token.text}":
                    self._token = None
            return True
        return self.headers() != refused  # a secret that was rotated under us

    def _fetch(self, oauth2: ClientCredentials) -> _Token:
        form = {"grant_type": "client_credentials"}
        form |= {"scope": oauth2.scope} if oauth2.scope else {}
        form |= {"audience": oauth2.audience} if oauth2.audience else {}
        headers = {
            "Authorization": _basic(self._resolve(oauth2.client_id), self._resolve(oauth2.client_secret)),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        match self._post(self._resolve(oauth2.token_url), headers, urlencode(form).encode()):
            case NotSent(why) | InDoubt(why):
                raise NoCredentials(f"the token service {why}")
            case Answer(status=200) as answer:
                return _token(answer)
            case Answer(status=status):
                raise NoCredentials(f"the token service answers {status}")


def _token(answer: Answer) -> _Token:
    try:
        said = json.loads(answer.content)
        life = float(said.get("expires_in", UNSAID_LIFE))
        return _Token(str(said["access_token"]), time.monotonic() + max(life - EARLY, 0.0))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise NoCredentials("the token service's answer holds no token") from None


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
