"""How is an API process put together from doors?

Called by `ingest_api`, `read_api` and `local_api`, which say which doors. Opens what the doors
need, each in the role of its room, and closes it when the server stops.
"""

import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Literal

import psycopg
import uvicorn
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from fastapi_swagger import patch_fastapi

from onrecord.audit import routes as audit
from onrecord.audit.tail import Tail
from onrecord.entrypoints.front_page import FRONT_PAGE
from onrecord.ingest import batch
from onrecord.ingest import routes as ingest
from onrecord.ingest.record import Recorder
from onrecord.kit import celery, logs
from onrecord.kit.http import health, metrics, problems
from onrecord.kit.processes.gc_tuning import spare_collector
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from onrecord.kit.sql.batched_query import Together
from onrecord.ledger.committer import Committer
from onrecord.projections import status
from onrecord.projections.changes.positions_read import HELD
from onrecord.projections.tasks import CATCH_UP
from onrecord.query import change_routes
from onrecord.query import routes as query
from onrecord.webhooks.api import examples
from onrecord.webhooks.api import routes as webhooks
from onrecord.webhooks.api.metrics import figures
from onrecord.webhooks.http.egress import Network
from onrecord.webhooks.tasks import QUEUE as WEBHOOKS
from onrecord.webhooks.tasks import WAKE

Door = Literal["ingest", "query", "audit", "webhooks"]


def make(settings: Settings, doors: frozenset[Door]) -> FastAPI:
    """The ASGI application with these doors. Nothing is opened before it starts."""
    assert settings.database_url and settings.broker_url, "entrypoints fill these in"
    url = settings.database_url.get_secret_value()
    broker = settings.broker_url.get_secret_value()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if "ingest" in doors:
                bell = celery.Bell(celery.make(broker), CATCH_UP)
                committer = Committer(lambda: writer(url), on_commit=bell.ring)
                pool = db.pool(url, role="onrecord_ingest", size=4)
                app.state.recorder = Recorder(committer, await stack.enter_async_context(pool))
                bell.start()
                stack.callback(bell.stop)
                committer.start()
                stack.push_async_callback(committer.stop)
            if "query" in doors:
                pool = db.pool(url, role="onrecord_query")
                app.state.read_pool = await stack.enter_async_context(pool)
                app.state.held = Together(pool, HELD)
            if "audit" in doors:
                pool = db.pool(url, role="onrecord_audit", size=4)
                app.state.audit_pool = await stack.enter_async_context(pool)
                app.state.audit_tail = Tail(pool)
            if "webhooks" in doors:
                app.state.webhooks = await stack.enter_async_context(
                    _webhooks(url, broker, settings.egress_allow)
                )
            yield

    app = FastAPI(
        title="onrecord",
        summary="Who said what, what they therefore stood for, and what was known of it when.",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.openapi_version = "3.2.0"  # the first to describe streams
    app.add_middleware(CorrelationIdMiddleware, validator=None)
    problems.install(app)
    routers: list[APIRouter] = []
    if "query" in doors:
        routers += [query.router, change_routes.router]
    if "ingest" in doors:
        routers += [ingest.router, batch.router]
    if "audit" in doors:
        routers += [audit.router]
    if "webhooks" in doors:
        routers += [webhooks.router, metrics.router([lambda: figures(app.state.webhooks.pool)])]
        examples.describe(app)
    for router in [*routers, health.router(_checks(app, doors))]:
        # not included, as FastAPI would try their routes twice and do more for each (measured)
        app.router.routes += router.routes
    patch_fastapi(app, redirect_from_root_to_docs=False)

    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    async def front_page() -> str:
        return FRONT_PAGE

    return app


def writer(url: str) -> psycopg.Connection[Any]:
    """The committer's connection. A writer frozen under the lock is cut off after half a second.

    It looks things up by id and nothing else. Planned once on a small ledger, it would otherwise
    read all of a growing one at each commit, until the next ANALYZE.
    """
    conn = db.connect(
        url,
        role="onrecord_ingest",
        enable_seqscan="off",
        enable_hashjoin="off",
        enable_mergejoin="off",
        idle_in_transaction_session_timeout="500ms",
        lock_timeout="10s",
        statement_timeout="30s",
        tcp_user_timeout="10s",
    )
    if conn.info.server_version >= 170000:
        # A writer frozen between the insertion and COMMIT does not count as idle, because both are
        # sent in one pipeline. It may wait 10 s for the lock and insert for 30 s.
        conn.execute("SET transaction_timeout = '45s'")
    return conn


@asynccontextmanager
async def _webhooks(
    url: str, broker: str, allow: Sequence[Network]
) -> AsyncIterator[webhooks.Door]:
    """What the webhooks door needs: a pool, and bells for those who queue and who deliver."""
    app = celery.make(broker)
    wake = celery.Bell(app, WAKE, queue=WEBHOOKS)
    fan_out = celery.Bell(app, CATCH_UP)
    async with db.pool(url, role="onrecord_webhooks", size=4) as pool:
        for bell in (wake, fan_out):
            bell.start()
        yield webhooks.Door(pool, tuple(allow), wake, fan_out)
        for bell in (wake, fan_out):
            bell.stop()


def serve(app: FastAPI, settings: Settings, *, process: str) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    logs.configure(process)
    spare_collector()
    server = Server(app, host=settings.host, port=settings.port, timeout_graceful_shutdown=5)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(3)  # as `uvicorn.run` does


class Server(uvicorn.Server):
    """Waits for requests under way when it stops, but not for streams that have no end."""

    def __init__(self, app: FastAPI, **options: Any) -> None:
        config = uvicorn.Config(
            app,
            # named, so that a machine without them says so: asyncio and h11 are slower
            loop="uvloop",
            http="httptools",
            log_config=None,
            access_log=False,
            **options,
        )
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if tail := getattr(self._app.state, "audit_tail", None):
            tail.close()
        await super().shutdown(sockets)


def _checks(app: FastAPI, doors: frozenset[Door]) -> dict[str, health.Check]:
    checks: dict[str, health.Check] = {}
    if "query" in doors:
        checks["projections"] = lambda: status.check(app.state.read_pool)
    if "audit" in doors:
        checks["ledger"] = lambda: audit.check(app.state.audit_pool)
    if "webhooks" in doors:
        checks["webhooks"] = lambda: webhooks.check(app.state.webhooks)
    if "ingest" in doors:
        checks["writer"] = lambda: ingest.check(app.state.recorder)
    return checks
