"""How does a test put something on record, fold it, and ask for it?

`Record` is one database with its projections: `append` goes through the ledger's own `append`,
`catch_up` folds, `events` reads back. `serving` runs all doors over real HTTP in this process.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
from onrecord.domain.event import RecordedEvent
from onrecord.domain.requests import Refusal, Request
from sqlalchemy import Engine, text

from onrecord.audit.replay import replay
from onrecord.entrypoints import app_factory
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from onrecord.ledger import read
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, seal_request
from onrecord.projections.engine.catch_up import SETTINGS, catch_up, prepare
from onrecord.projections.engine.catch_up_all import keep_abreast
from onrecord.projections.engine.projection import behind
from onrecord.projections.registry import PROJECTIONS
from onrecord.webhooks.fan_out import fan_out
from onrecord.webhooks.purge import forget


@dataclass(frozen=True)
class Record:
    """A database that holds a ledger and its projections."""

    url: str
    engine: Engine
    listening: Engine
    """In the role of webhooks."""

    def append(self, *requests: Request) -> list[Answer | Refusal]:
        """Record requests in one transaction, as the committer does."""
        with db.connect(self.url, role="onrecord_ingest") as conn:
            return append(conn, [seal_request(one) for one in requests])

    def catch_up(self) -> None:
        """Fold every projection to the end, as the worker does."""
        if not keep_abreast(self.engine, PROJECTIONS):
            for one in PROJECTIONS:
                catch_up(self.engine, one)

    def fan_out(self) -> int:
        """Fold, and write what endpoints are to be sent, as the worker does; how many."""
        self.catch_up()
        return fan_out(self.listening)

    def forget(self) -> int:
        """Remove what is left of deleted endpoints; how many deliveries."""
        return forget(self.listening)

    def sizes(self) -> dict[str, int]:
        """How far each projection is."""
        with self.engine.connect() as conn:
            found = conn.execute(text("SELECT name, size FROM projections.checkpoints WHERE live"))
            return {row.name: row.size for row in found}

    def events(self) -> list[RecordedEvent]:
        """Everything on record, in order."""
        with db.connect(self.url, role="onrecord_audit") as conn:
            return read.entries_from(conn, 0, 1_000_000)


def assert_as_the_ledger_says(on_record: Record) -> None:
    """All projections are level, and say what the ledger says when it is folded anew."""
    with on_record.engine.connect() as conn:
        assert {} == behind(conn)
    engine = db.engine(on_record.url, role="onrecord_audit")
    outcome = replay(engine, lambda *_: None)
    engine.dispose()
    assert () == tuple(one for table in outcome.tables for one in table.differences)
    assert outcome.equal


@contextmanager
def record(url: str) -> Iterator[Record]:
    """A record in this migrated database."""
    engine = db.engine(url, role="onrecord_projections", **SETTINGS)  # as a worker's
    listening = db.engine(url, role="onrecord_webhooks")
    prepare(engine, PROJECTIONS)
    yield Record(url, engine, listening)
    engine.dispose()
    listening.dispose()


@contextmanager
def serving(url: str) -> Iterator[httpx2.Client]:
    """All doors on a port of their own; the client that comes back knows the address."""
    settings = Settings(
        database_url=url, broker_url="memory://", port=1, egress_allow="127.0.0.1/32"
    )
    app = app_factory.make(settings, frozenset({"ingest", "query", "audit", "webhooks"}))
    server = app_factory.Server(app, port=0, lifespan="on")
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join(10)
