"""A ledger with its projections for tests, and the APIs over them.

`Store` is one database with its projections: `append` goes through the ledger's own `append`,
`catch_up` folds, `events` reads back. `run_api` runs all APIs over real HTTP in this process.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpx2
from fastapi import APIRouter
from sqlalchemy import Engine, text

from onrecord.audit.replay import replay_ledger
from onrecord.client import Client
from onrecord.domain.event import RecordedEvent
from onrecord.domain.requests import Refusal, Request
from onrecord.entrypoints.app_factory import Api, create_app
from onrecord.entrypoints.server import ApiServer
from onrecord.kit.encryption_keys import new_key
from onrecord.kit.http.server.limits import DEFAULT_LIMITS, Limits
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, seal_request
from onrecord.ledger.follow import read_entries
from onrecord.projections.engine.catch_up import FOLDING_SETTINGS
from onrecord.projections.engine.catch_up_all import ANALYZE_GROWN, catch_up_all
from onrecord.projections.engine.checkpoints import ensure_checkpoints
from onrecord.projections.engine.projection import Projection
from onrecord.projections.freshness import note_sweep
from onrecord.projections.registry import PROJECTIONS
from onrecord.webhooks.fan_out import fan_out
from onrecord.webhooks.purge import purge_endpoints
from tests.support import keys

PUBLIC_URL: Final = "https://record.example.org"
"""What links of the APIs begin with."""
SECRETS_KEY: Final = new_key()
"""What encrypts secrets of webhooks in this process."""
ALL_APIS: Final = frozenset[Api](("write", "read", "audit", "webhooks", "editing"))


@dataclass(frozen=True)
class Store:
    """A database that holds a ledger and its projections."""

    url: str
    engine: Engine
    webhooks_engine: Engine
    """In the role `onrecord_webhooks`."""

    def append(self, *requests: Request) -> list[Answer | Refusal]:
        """Record requests in one transaction, as the committer does."""
        with db.connect(self.url, role="onrecord_ingest") as conn:
            return append(conn, [seal_request(request) for request in requests])

    def catch_up(self, *projections: Projection) -> None:
        """Fold these projections, or all, to the end of the ledger, as the worker does.

        Raises the first error of a fold.
        """
        while catch_up_all(self.engine, projections or PROJECTIONS, raise_error):
            pass

    def sweep(self) -> None:
        """Fold, fan out, and note that a sweep ran, as the worker does every two seconds."""
        self.fan_out()
        with self.engine.begin() as conn:
            note_sweep(conn)
            conn.execute(ANALYZE_GROWN)

    def fan_out(self) -> int:
        """Fold, and insert deliveries, as the worker does; returns their number."""
        self.catch_up()
        return fan_out(self.webhooks_engine)

    def purge(self) -> int:
        """Purge deleted endpoints and old secrets; returns the number of deliveries deleted."""
        return purge_endpoints(self.webhooks_engine)

    def sizes(self) -> dict[str, int]:
        """The size of the ledger that each projection has folded."""
        with self.engine.connect() as conn:
            rows = conn.execute(text("SELECT name, size FROM projections.checkpoints WHERE live"))
            return {row.name: row.size for row in rows}

    def events(self) -> list[RecordedEvent]:
        """All events on record, in order."""
        with db.connect(self.url, role="onrecord_audit") as conn:
            return read_entries(conn, 0, 1_000_000)


def raise_error(_: Projection, error: Exception) -> None:
    """An error handler that raises the error of a fold."""
    raise error


def assert_equals_replay(store: Store) -> None:
    """Assert that all projections are caught up and equal to a replay of the ledger."""
    size = len(store.events())
    assert {projection.name: size for projection in PROJECTIONS} == store.sizes()
    engine = db.engine(store.url, role="onrecord_audit")
    outcome = replay_ledger(engine, lambda *_: None)
    engine.dispose()
    assert () == tuple(difference for table in outcome.tables for difference in table.differences)
    assert outcome.equal


@contextmanager
def open_store(url: str) -> Iterator[Store]:
    """A store in this migrated database."""
    engine = db.engine(url, role="onrecord_projections", **FOLDING_SETTINGS)  # as a worker's
    webhooks_engine = db.engine(url, role="onrecord_webhooks")
    with engine.begin() as conn:
        ensure_checkpoints(conn, PROJECTIONS)
    yield Store(url, engine, webhooks_engine)
    engine.dispose()
    webhooks_engine.dispose()


@cache
def described_app() -> Any:
    """The application with all APIs; it is not started, and connects to nothing."""
    url: Any = "postgresql://nowhere"
    return create_app(Settings(database_url=url, broker_url="memory://"), ALL_APIS)


@contextmanager
def run_api(
    url: str, *routers: APIRouter, limits: Limits = DEFAULT_LIMITS, **over: Any
) -> Iterator[httpx2.Client]:
    """All APIs, and these routers, on a free port; yields a client of that address with a key.

    `over`: other settings.
    """
    own: dict[str, Any] = {
        "database_url": url,
        "broker_url": "memory://",
        "port": 1,
        "egress_allow": "127.0.0.1/32",
        "public_url": PUBLIC_URL,
        "rate_per_key": "1000000/second",
        "secrets_key": SECRETS_KEY,
    }
    app = create_app(Settings(**own | over), ALL_APIS)
    if not routers:
        # FastAPI prepares an application's routes at its first request, which takes 0.3 s of CPU.
        # They depend on no setting; the lifespan and the middleware do.
        app.router.routes = described_app().router.routes
    for router in routers:
        app.include_router(router)
    server = ApiServer(app, limits=limits, port=0, lifespan="on")
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    headers = keys.give_key(url)
    address = f"http://127.0.0.1:{port}"
    # `verify=False` saves loading the certificates
    with httpx2.Client(base_url=address, timeout=120, headers=headers, verify=False) as client:
        yield client
    server.should_exit = True
    thread.join(10)


@contextmanager
def run_typed_api(url: str) -> Iterator[Client]:
    """All APIs over this database; yields our own client of them, which repeats nothing."""
    with run_api(url) as http, Client(str(http.base_url), keys.TOKEN, retries=0) as client:
        yield client
