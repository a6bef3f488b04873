"""A record written fast: thousands of entries of every kind, before any table is analyzed.

Used by tests of query plans.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Final
from uuid import UUID, uuid5

import psycopg

from onrecord.domain.event import Event
from onrecord.domain.events import (
    ActorMerged,
    ActorRegistered,
    StatementMade,
    StatementRetracted,
    TopicRegistered,
)
from onrecord.domain.ids import additional_event_id
from onrecord.domain.requests import Request
from onrecord.domain.stances import STANCES
from tests.support.histories import (
    ROOT,
    corrected,
    position,
    registration,
    request,
    statement_fields,
)
from tests.support.store import Store

ACTORS: Final = [f"actor-{n}" for n in range(40)]
TOPICS: Final = [f"topic-{n}" for n in range(20)]
STATEMENT: Final = uuid5(ROOT, "0/0")
"""The first statement that `write` appends."""
POSITION: Final = additional_event_id(STATEMENT, 0)
"""Its position."""
SCHEMAS: Final = ["projections", "ledger", "webhooks"]


@contextmanager
def never_analyzed(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to an empty database, whose tables autovacuum leaves alone from now on."""
    with psycopg.connect(url, autocommit=True) as conn:
        tables = conn.execute(
            "SELECT format('%%I.%%I', schemaname, relname) FROM pg_stat_user_tables"
            " WHERE schemaname = ANY (%s)",
            [SCHEMAS],
        ).fetchall()
        for (table,) in tables:
            conn.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)".encode())
        yield conn


def register_cast(store: Store) -> None:
    """Register the actors and topics."""
    store.append(
        *(registration(ActorRegistered.model_validate(actor(slug))) for slug in ACTORS),
        *(registration(TopicRegistered(id=slug, label=slug, proposition="Do.")) for slug in TOPICS),
    )


def actor(slug: str) -> dict[str, Any]:
    return {"id": slug, "kind": "person", "names": [{"name": slug.title(), "lang": "en"}]}


def write(
    store: Store,
    count: int,
    *,
    actors: Sequence[str] = ACTORS[:-2],
    topics: Sequence[str] = TOPICS,
    seed: int = 0,
) -> None:
    """Append statements with their positions; every tenth is retracted, every fifth embedded."""
    batch: list[Request] = []
    for new in _requests(Random(seed), f"{seed}", count, actors, topics):
        batch.append(new)
        if len(batch) == 200:
            store.append(*batch)
            batch = []
    store.append(*batch)


def merge_actors(store: Store) -> None:
    """Merge two actors into the first."""
    for n, source in enumerate(ACTORS[-2:]):
        store.append(request(uuid5(ROOT, f"merge-{n}"), ActorMerged(actor=source, into=ACTORS[0])))


def _requests(
    random: Random, tag: str, count: int, actors: Sequence[str], topics: Sequence[str]
) -> Iterator[Request]:
    statements: list[UUID] = []
    for n in range(count):
        who, what = random.choice(actors), random.choice(topics)
        date = f"20{random.randrange(10, 25)}-{random.randrange(1, 13):02}"
        id_ = uuid5(ROOT, f"{tag}/{n}")
        fields = statement_fields(who, what, f"Words {random.randrange(count // 3 + 1)}", date)
        fields["stances"] = [{"topic": what, "stance": random.choice(STANCES[:2])}]
        if statements and n % 5 == 0:
            fields["embedded_in"] = str(random.choice(statements))
        events: list[Event] = [StatementMade.model_validate(fields)]
        events.append(
            position(
                actor=who, topic=what, stance=random.choice(STANCES), effective=date, basis=[id_]
            ).model_copy(update={"condition": None})
        )
        yield request(id_, *events)
        statements.append(id_)
        if n % 10 == 3:
            target = random.choice(statements[-100:])
            event: Event = StatementRetracted(target=target, by="us", reason="Wrong.")
            yield request(uuid5(ROOT, f"{tag}/{n}/retraction"), event)
        if n % 10 == 7:
            event = corrected(
                additional_event_id(id_, 0), actor=who, topic=what, effective=date, basis=[id_]
            )
            yield request(uuid5(ROOT, f"{tag}/{n}/correction"), event)
