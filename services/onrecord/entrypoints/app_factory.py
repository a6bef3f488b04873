"""The application factory: an API process made from a set of APIs.

Used by `ingest_api`, `read_api` and `local_api`, which name the APIs. The lifespan opens what each
API needs, in the database role of its package, and closes it when the server stops. Routes reach
these resources through `Depends`, by the lifespan state (`request.state`).
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal

from fastapi import APIRouter, Depends, FastAPI

from onrecord.access import routes as key_routes
from onrecord.access.authentication import KeyMiddleware
from onrecord.access.key_cache import KeyCache
from onrecord.access.rate_limits import RateLimits
from onrecord.access.registry import KeyRegistry
from onrecord.audit import routes as audit_routes
from onrecord.audit.tail import Tail
from onrecord.audit.tlog import log_routes, proof_routes
from onrecord.audit.tlog.latest_checkpoint import LatestCheckpoint
from onrecord.audit.tlog.resources import LogResources
from onrecord.entrypoints import web_pages
from onrecord.entrypoints.infrastructure import writer
from onrecord.entrypoints.log_files import policy_text, read_policy
from onrecord.entrypoints.openapi.application import DescribedApplication
from onrecord.ingest import amendment_routes, batch
from onrecord.ingest import routes as write_routes
from onrecord.ingest.recorder import Recorder
from onrecord.ingest.similar import SimilarStatements
from onrecord.kit import celery
from onrecord.kit.http.body_memory import BodyMemory
from onrecord.kit.http.browsers.cross_origin import CrossOriginMiddleware
from onrecord.kit.http.browsers.hosts import HostMiddleware
from onrecord.kit.http.browsers.html_pages import PagePolicyMiddleware
from onrecord.kit.http.conventions.install import install_conventions
from onrecord.kit.http.health import HealthCheck, health_router
from onrecord.kit.http.metrics import MetricSource, metrics_router
from onrecord.kit.http.strict_bodies import StrictBodyMiddleware
from onrecord.kit.http.strict_parameters import check_parameters
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from onrecord.kit.sql.batched_query import BatchedQuery
from onrecord.ledger.committer import Committer
from onrecord.ledger.dry_run import DryRunner
from onrecord.pages.frame.addresses import PageMiddleware
from onrecord.pages.frame.session import SessionMiddleware
from onrecord.pages.install import page_routers
from onrecord.projections import status
from onrecord.projections.metrics import projection_metrics
from onrecord.projections.queries import POSITION
from onrecord.projections.tasks import CATCH_UP
from onrecord.query import (
    change_routes,
    correction_routes,
    grid_routes,
    name_routes,
    position_routes,
    quote_routes,
    registry_routes,
)
from onrecord.query.read_context import ReadResources
from onrecord.query.size_monitor import SizeMonitor
from onrecord.query.stall_monitor import StallMonitor
from onrecord.signing.status import check_log, log_metrics
from onrecord.webhooks.api import delivery_routes, examples
from onrecord.webhooks.api import routes as webhook_routes
from onrecord.webhooks.api.metrics import delivery_metrics
from onrecord.webhooks.api.resources import WebhooksResources, check_fan_out
from onrecord.webhooks.encryption import SecretCipher
from onrecord.webhooks.tasks import QUEUE as WEBHOOKS
from onrecord.webhooks.tasks import WAKE

Api = Literal["write", "read", "audit", "webhooks", "editing"]
"""`editing`: the pages to write, which need the write API's resources too."""


def create_app(settings: Settings, apis: frozenset[Api]) -> FastAPI:
    """The ASGI application with these APIs. Nothing is opened before it starts."""
    assert settings.database_url and settings.broker_url, "entrypoints fill these in"
    url = settings.database_url.get_secret_value()
    broker = settings.broker_url.get_secret_value()
    policy = read_policy(settings) if "audit" in apis else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        state: dict[str, Any] = {"body_memory": BodyMemory()}
        async with AsyncExitStack() as stack:
            keys = await stack.enter_async_context(db.pool(url, role="onrecord_access", size=4))
            state["key_cache"] = KeyCache(keys)
            await stack.enter_async_context(state["key_cache"].noting_uses())
            if "write" in apis:
                state["recorder"] = await stack.enter_async_context(
                    _write_resources(url, broker, settings.public_url)
                )
                state["key_registry"] = KeyRegistry(state["recorder"].committer, keys)
                state["dry_runner"] = state["recorder"].dry_runner
            if apis & {"read", "editing"}:
                pool = await stack.enter_async_context(db.pool(url, role="onrecord_query"))
                state["read_resources"] = ReadResources(
                    pool,
                    BatchedQuery(pool, POSITION),
                    StallMonitor(pool),
                    SizeMonitor(pool),
                    settings.public_url,
                )
            if "audit" in apis:
                pool = db.pool(url, role="onrecord_audit", size=4)
                await stack.enter_async_context(pool)
                state["audit_resources"] = audit_routes.AuditResources(pool, Tail(pool))
                assert policy, "read above"
                latest = LatestCheckpoint(pool, policy)
                text = policy_text(settings)
                state["log_resources"] = LogResources(pool, latest, settings.public_url, text)
            if "webhooks" in apis:
                resources = _webhook_resources(url, broker, settings)
                state["webhooks"] = await stack.enter_async_context(resources)
            yield state

    app = DescribedApplication(
        title="onrecord",
        summary="Who said what, what they therefore stood for, and what was known of it when.",
        version="1",
        lifespan=lifespan,
        telemetry={"metrics": False, "logs": False, "operation_spans": False},
        dependencies=[Depends(check_parameters)],
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    # from the innermost to the outermost
    app.add_middleware(StrictBodyMiddleware)
    rates = RateLimits(settings.rate_per_key, settings.rate_per_address)
    app.add_middleware(KeyMiddleware, public_reads=settings.public_reads, limits=rates)
    app.add_middleware(SessionMiddleware)
    app.add_middleware(
        CrossOriginMiddleware, public_url=settings.public_url, cors_origins=settings.cors_origins
    )
    app.add_middleware(PageMiddleware)
    app.add_middleware(PagePolicyMiddleware)
    app.add_middleware(HostMiddleware, hosts=settings.hosts)
    install_conventions(app)
    for router in _routers(apis):
        app.include_router(router)
    if "webhooks" in apis:
        examples.describe_webhooks(app)
    web_pages.install_pages(app, apis)
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
        routers += [position_routes.router, registry_routes.router]
        routers += [change_routes.router, grid_routes.router, name_routes.router]
        routers += [correction_routes.router, quote_routes.router]
    if "write" in apis:
        routers += [amendment_routes.router, batch.router, key_routes.router]
    if "audit" in apis:
        routers += [audit_routes.router, proof_routes.router, log_routes.router]
    if "webhooks" in apis:
        routers += [webhook_routes.router, delivery_routes.router]
    routers += page_routers(apis)
    routers += [metrics_router(_metric_sources(apis)), key_routes.me_router]
    return [*routers, health_router(_health_checks(apis))]


def _metric_sources(apis: frozenset[Api]) -> list[MetricSource]:
    sources: list[MetricSource] = []
    if "audit" in apis:
        sources.append(lambda state: projection_metrics(state.audit_resources.pool))
    if "webhooks" in apis:
        sources.append(lambda state: delivery_metrics(state.webhooks.pool))
        sources.append(lambda state: log_metrics(state.webhooks.pool))
    return sources


def _health_checks(apis: frozenset[Api]) -> dict[str, HealthCheck]:
    checks: dict[str, HealthCheck] = {}
    if "read" in apis:
        checks["projections"] = lambda state: status.check_projections(state.read_resources.pool)
    if "audit" in apis:
        checks["ledger"] = lambda state: audit_routes.ledger_readable(state.audit_resources)
        checks["log"] = lambda state: check_log(state.log_resources.pool)
    if "webhooks" in apis:
        checks["webhooks"] = lambda state: check_fan_out(state.webhooks)
    if "write" in apis:
        checks["writer"] = lambda state: write_routes.ledger_writable(state.recorder)
    return checks


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
        cipher = SecretCipher(settings.secrets_keys)
        allow, public_url = settings.egress_allow, settings.public_url
        yield WebhooksResources(pool, allow, public_url, cipher, wake, fan_out)
        for notifier in (wake, fan_out):
            notifier.stop()
