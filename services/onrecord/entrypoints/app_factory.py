"""The application factory: an API process made from a set of APIs.

Used by `ingest_api`, `read_api` and `local_api`, which name the APIs. The lifespan opens what each
API needs, in the database role of its package, and closes it when the server stops. Routes reach
these resources through `Depends`, by the lifespan state (`request.state`).
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal

import psycopg
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi_swagger import patch_fastapi

from onrecord.audit import routes as audit_routes
from onrecord.audit.tail import Tail
from onrecord.entrypoints.front_page import FRONT_PAGE
from onrecord.ingest import amendment_routes, batch
from onrecord.ingest import routes as write_routes
from onrecord.ingest.recorder import Recorder
from onrecord.ingest.similar import SimilarStatements
from onrecord.kit import celery
from onrecord.kit.http import problems
from onrecord.kit.http.health import HealthCheck, health_router
from onrecord.kit.http.metrics import metrics_router
from onrecord.kit.http.strict_bodies import StrictBodyMiddleware
from onrecord.kit.http.strict_parameters import check_parameters
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from onrecord.kit.sql.batched_query import BatchedQuery
from onrecord.ledger.committer import Committer
from onrecord.ledger.dry_run import DryRunner
from onrecord.projections import status
from onrecord.projections.queries import POSITION
from onrecord.projections.tasks import CATCH_UP
from onrecord.query import change_routes, name_routes, position_routes, registry_routes
from onrecord.query.read_context import ReadResources
from onrecord.query.stall_monitor import StallMonitor
from onrecord.webhooks.api import delivery_routes, examples
from onrecord.webhooks.api import routes as webhook_routes
from onrecord.webhooks.api.metrics import delivery_metrics
from onrecord.webhooks.api.resources import WebhooksResources, check_fan_out
from onrecord.webhooks.tasks import QUEUE as WEBHOOKS
from onrecord.webhooks.tasks import WAKE

Api = Literal["write", "read", "audit", "webhooks"]


def create_app(settings: Settings, apis: frozenset[Api]) -> FastAPI:
    """The ASGI application with these APIs. Nothing is opened before it starts."""
    assert settings.database_url and settings.broker_url, "entrypoints fill these in"
    url = settings.database_url.get_secret_value()
    broker = settings.broker_url.get_secret_value()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        state: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            if "write" in apis:
                state["recorder"] = await stack.enter_async_context(
                    _write_resources(url, broker, settings.public_url)
                )
            if "read" in apis:
                pool = await stack.enter_async_context(db.pool(url, role="onrecord_query"))
                state["read_resources"] = ReadResources(
                    pool, BatchedQuery(pool, POSITION), StallMonitor(pool), settings.public_url
                )
            if "audit" in apis:
                pool = db.pool(url, role="onrecord_audit", size=4)
                await stack.enter_async_context(pool)
                state["audit_resources"] = audit_routes.AuditResources(pool, Tail(pool))
            if "webhooks" in apis:
                resources = _webhook_resources(url, broker, settings)
                state["webhooks"] = await stack.enter_async_context(resources)
            yield state

    app = FastAPI(
        title="onrecord",
        summary="Who said what, what they therefore stood for, and what was known of it when.",
        version="1",
        lifespan=lifespan,
        dependencies=[Depends(check_parameters)],
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.openapi_version = "3.2.0"  # the first to describe streams
    app.add_middleware(StrictBodyMiddleware)
    app.add_middleware(CorrelationIdMiddleware, validator=None)
    problems.install(app)
    for router in _routers(apis):
        app.include_router(router)
    if "webhooks" in apis:
        examples.describe_webhooks(app)
    patch_fastapi(app, redirect_from_root_to_docs=False)
    app.add_route("/", front_page, include_in_schema=False)
    return app


def _routers(apis: frozenset[Api]) -> list[APIRouter]:
    """The routes of these APIs, in the order in which they are matched.

    FastAPI tries one route after the other, so the routers with the most used routes come first:
    with all other routes before it, a POST takes a tenth longer.
    """
    routers: list[APIRouter] = []
    if "write" in apis:
        routers += [write_routes.router]
    if "read" in apis:
        routers += [position_routes.router, registry_routes.router, change_routes.router]
        routers += [name_routes.router]
    if "write" in apis:
        routers += [amendment_routes.router, batch.router]
    if "audit" in apis:
        routers += [audit_routes.router]
    if "webhooks" in apis:
        metrics = metrics_router([lambda state: delivery_metrics(state.webhooks.pool)])
        routers += [webhook_routes.router, delivery_routes.router, metrics]
    return [*routers, health_router(_health_checks(apis))]


def _health_checks(apis: frozenset[Api]) -> dict[str, HealthCheck]:
    checks: dict[str, HealthCheck] = {}
    if "read" in apis:
        checks["projections"] = lambda state: status.check_projections(state.read_resources.pool)
    if "audit" in apis:
        checks["ledger"] = lambda state: audit_routes.ledger_readable(state.audit_resources)
    if "webhooks" in apis:
        checks["webhooks"] = lambda state: check_fan_out(state.webhooks)
    if "write" in apis:
        checks["writer"] = lambda state: write_routes.ledger_writable(state.recorder)
    return checks


async def front_page(_: Request) -> HTMLResponse:
    """The front page. A plain route of Starlette, so it takes any parameters."""
    return HTMLResponse(FRONT_PAGE)


@asynccontextmanager
async def _write_resources(url: str, broker: str, public_url: str) -> AsyncIterator[Recorder]:
    """The committer with its connection and its wake-up of the workers, dry runs, and a pool."""
    notifier = celery.TaskNotifier(celery.create_celery(broker), CATCH_UP)
    committer = Committer(lambda: writer(url), on_commit=notifier.notify)
    async with AsyncExitStack() as stack:
        pool = db.pool(url, role="onrecord_ingest", size=4)
        dry_runner = DryRunner(lambda: writer(url))
        stack.callback(dry_runner.stop)
        await stack.enter_async_context(pool)
        similar = SimilarStatements(pool, public_url)
        recorder = Recorder(committer, pool, dry_runner, similar)
        notifier.start()
        stack.callback(notifier.stop)
        committer.start()
        stack.push_async_callback(committer.stop)
        yield recorder


def writer(url: str) -> psycopg.Connection[Any]:
    """The committer's connection. A writer that freezes under the lock is cut off after 2 s.

    It looks rows up by id only. A plan that was made on a small ledger would scan all of a growing
    one at each commit, until the next ANALYZE, so scans are disabled.
    """
    conn = db.connect(
        url,
        role="onrecord_ingest",
        enable_seqscan="off",
        enable_hashjoin="off",
        enable_mergejoin="off",
        idle_in_transaction_session_timeout="2s",
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
async def _webhook_resources(
    url: str, broker: str, settings: Settings
) -> AsyncIterator[WebhooksResources]:
    """A pool, and the wake-ups of the deliverers and of the fan-out."""
    app = celery.create_celery(broker)
    wake = celery.TaskNotifier(app, WAKE, queue=WEBHOOKS)
    fan_out = celery.TaskNotifier(app, CATCH_UP)
    async with db.pool(url, role="onrecord_webhooks", size=4) as pool:
        for notifier in (wake, fan_out):
            notifier.start()
        yield WebhooksResources(pool, settings.egress_allow, settings.public_url, wake, fan_out)
        for notifier in (wake, fan_out):
            notifier.stop()
