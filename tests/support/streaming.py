"""A ledger with events for every filter, and helpers that read it as a stream."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from httpx2 import Client

from onrecord.domain.event import Event
from onrecord.domain.events import ActorRegistered, StatementMade, TopicRegistered
from onrecord.ledger.evaluate import Answer
from tests.support import sse
from tests.support.bodies import media_type
from tests.support.histories import position, registration, request, statement_fields
from tests.support.store import Store

NDJSON = {"Accept": "application/x-ndjson"}
SSE = "text/event-stream"
FILTERS: list[dict[str, Any]] = [
    {},
    {"actor": "ann"},
    {"topic": "trade"},
    {"type": "statement.made"},
    {"actor": "bob", "type": "position.changed"},
    {"actor": "ann", "topic": "talks", "type": "statement.made"},
]


def seed_stream(store: Store) -> None:
    """Record two actors, two topics, statements and positions: entries 0 to 23."""
    for slug in ("ann", "bob"):
        names = [{"name": slug.title(), "lang": "en"}]
        event = ActorRegistered.model_validate({"id": slug, "kind": "person", "names": names})
        store.append(registration(event))
    for slug in ("talks", "trade"):
        store.append(registration(TopicRegistered(id=slug, label=slug, proposition="Do.")))
    append_events(store, *range(20))


def append_events(store: Store, *numbers: int) -> None:
    """Append a statement or a position for each number; equal numbers give equal fields."""
    for result in store.append(*(request(uuid4(), event(number)) for number in numbers)):
        assert isinstance(result, Answer), result


def event(number: int) -> Event:
    actor, topic = ("ann", "bob")[number % 2], ("talks", "trade")[number // 2 % 2]
    if number % 5 == 0:
        return position(actor=actor, topic=topic)
    words = f"Words \u2028 \r\n {number}\n\ndata: no\x85"
    return StatementMade.model_validate(statement_fields(actor, topic, words))


def read_lines(client: Client, **params: Any) -> list[str]:
    """The lines of the NDJSON stream, which ends at the end of the ledger."""
    answer = client.get("/v1/events", params=params, headers=NDJSON)
    assert (200, "application/x-ndjson") == (answer.status_code, media_type(answer))
    return answer.text.split("\n")[:-1]


@contextmanager
def open_stream(
    client: Client, last: int | None = None, **params: Any
) -> Iterator[Iterator[sse.Event]]:
    """The events of an SSE stream that begins after the seq `last`."""
    headers = {"Accept": SSE} | ({} if last is None else {"Last-Event-ID": str(last)})
    with client.stream("GET", "/v1/events", params=params, headers=headers) as answer:
        assert (200, SSE) == (answer.status_code, media_type(answer))
        yield sse.events(answer.iter_bytes())


def assert_next_events(received: Iterator[sse.Event], lines: list[str]) -> None:
    """Assert that the next events are these lines, each with its seq as id, and its type."""
    for line in lines:
        entry = json.loads(line)["entry"]
        assert sse.Event(str(entry["seq"]), entry["type"], line) == next(received)
