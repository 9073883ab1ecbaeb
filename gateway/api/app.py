"""The web process's application: partner API, internal API, health and metrics."""

from __future__ import annotations

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from gateway import __version__
from gateway.api import (
    as2,
    exceptions,
    matching,
    orders,
    partner,
    partners,
    problems,
    records,
    reference,
    transmissions,
)
from gateway.api.bodies import Bodies
from gateway.api.door import Door
from gateway.store.lease import backlog, oldest_due_seconds

DESCRIPTION = """
Orders, shipments and invoices without a segment in sight. Every request shows a key as `Authorization: Bearer KEY`; a
key belongs to one lane, and a partner's key sees only that partner's. Errors are RFC 9457 problem details. Writes take
an `Idempotency-Key`.
"""


class Doors(FastAPI):
    """FastAPI, but for AS2, which is taken as it comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/as2" and scope["method"] == "POST":
            await self.state.as2.exchange(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def build(door: Door) -> FastAPI:
    """The application over one house."""
    app = Doors(
        title="B2B gateway",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # FastAPI's own page takes its scripts from somebody else's server
        redoc_url=None,
    )
    app.state.door = door
    app.state.as2 = as2.As2Door(door)
    problems.install(app)
    app.add_middleware(Bodies)
    app.include_router(as2.router)
    app.include_router(partner.router)
    app.include_router(orders.router)
    app.include_router(records.router)
    app.include_router(matching.router)
    app.include_router(transmissions.router)
    app.include_router(exceptions.router)
    app.include_router(partners.router)
    reference.install(app)

    @app.get("/healthz", tags=["health"], summary="The process lives")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"], summary="The database answers")
    def readyz(response: Response) -> dict[str, str]:
        try:
            door.store.ping()
        except Exception as error:
            response.status_code = 503
            return {"status": "the database does not answer", "error": type(error).__name__}
        return {"status": "ready"}

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse, summary="Prometheus text")
    def metrics() -> str:
        with door.store.read() as view:
            waiting, oldest = backlog(view), oldest_due_seconds(view)
        lines = [
            "# HELP gateway_due Rows that are due and not under way.",
            "# TYPE gateway_due gauge",
            *(f'gateway_due{{table="{table}",stage="{stage}"}} {rows}' for table, stage, rows, _ in waiting),
            "# HELP gateway_oldest_due_seconds How long the oldest due row has waited for a worker.",
            "# TYPE gateway_oldest_due_seconds gauge",
            f"gateway_oldest_due_seconds {oldest}",
            "# HELP gateway_as2_not_kept_total AS2 arrivals of which nothing was stored, since this process began.",
            "# TYPE gateway_as2_not_kept_total counter",
            *(f'gateway_as2_not_kept_total{{why="{why}"}} {n}' for why, n in sorted(door.refusals.not_kept.items())),
        ]
        return "\n".join(lines) + "\n"

    return app
