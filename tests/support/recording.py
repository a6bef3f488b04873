"""Writes by the typed client, for tests that start processes or import files.

`bodies` has the same for tests of HTTP itself.
"""

from collections.abc import Iterable, Mapping
from uuid import uuid4

from onrecord.client import ApiUnavailable, Client, ProblemError, reads, writes
from onrecord.client.parameters import AtSize
from tests.support import bodies
from tests.support.bodies import Json, line, ndjson


def record(client: Client, lines: Iterable[Mapping[str, Json]]) -> list[int]:
    """Record lines of a batch, of which none is on record yet; their seqs."""
    results = client.send(writes.record_batch(ndjson(lines)))
    assert {201} == {result.status for result in results}, results
    return [result.seq for result in results if result.seq is not None]


def register(
    client: Client, actors: Iterable[str] = bodies.ACTORS, topics: Iterable[str] = bodies.TOPICS
) -> None:
    """Register actors and topics."""
    record(client, bodies.registrations(actors, topics))


def record_positions(client: Client, count: int) -> list[int]:
    """Record positions of emma on talks; their seqs."""
    return record(
        client, [line("position", uuid4(), bodies.position(order=n)) for n in range(count)]
    )


def can_read_actor(client: Client, actor: str, at: AtSize | None = None) -> bool:
    """Whether the read API answers with this actor."""
    try:
        return client.send(reads.get_actor(actor, at)).id == actor
    except (ApiUnavailable, ProblemError):
        return False
