"""The served house as tests of the doors see it."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from pipeline_road import Road
from road_documents import interchange, order


@dataclass
class Site:
    """The served house, a client a key, and the road to step by hand."""

    road: Road
    partner: httpx.Client
    stranger: httpx.Client
    internal: httpx.Client
    reader: httpx.Client
    other_lane: httpx.Client
    admin: httpx.Client

    def send(self, content: bytes | None = None, **headers: str) -> httpx.Response:
        return self.partner.post("/partner/v1/documents", content=content or interchange([order()]), headers=headers)

    def order(self) -> str:
        """An order that has come in, by its id."""
        self.send()
        self.road.work()
        (found,) = self.internal.get("/v1/orders").json()["items"]
        return str(found["id"])
