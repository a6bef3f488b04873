"""How does a test fill a ledger with something for every filter, and read it as a stream?"""

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
from tests.support.histories import position, registration, request, said
from tests.support.record import Record

NDJSON = {"Accept": "application/x-ndjson"}
SSE = "text/event-stream"
ASKED: list[dict[str, Any]] = [
    {},
    {"actor": "ann"},
    {"topic": "trade"},
    {"type": "statement.made"},
    {"actor": "bob", "type": "position.changed"},
    {"actor": "ann", "topic": "talks", "type": "statement.made"},
]


def stage(on_record: Record) -> None:
    """Two actors, two topics and some of everything: entries 0 to 23."""
    for slug in ("ann", "bob"):
        names = [{"name": slug.title(), "lang": "en"}]
        event = ActorRegistered.model_validate({"id": slug, "kind": "person", "names": names})
        on_record.append(registration(event))
    for slug in ("talks", "trade"):
        on_record.append(registration(TopicRegistered(id=slug, label=slug, proposition="Do.")))
    put(on_record, *range(20))


def put(on_record: Record, *numbers: int) -> None:
    """A statement or a position for each number, always the same for a number."""
    for one in on_record.append(*(request(uuid4(), event(one)) for one in numbers)):
        assert isinstance(one, Answer), one


def event(number: int) -> Event:
    actor, topic = ("ann", "bob")[number % 2], ("talks", "trade")[number // 2 % 2]
    if number % 5 == 0:
        return position(actor=actor, topic=topic)
    words = f"Words \u2028 \r\n {number}\n\ndata: no\x85"
    return StatementMade.model_validate(said(actor, topic, words))


def everything(client: Client, **asked: Any) -> list[str]:
    """The lines of the stream that ends, in order."""
    answer = client.get("/v1/events", params=asked, headers=NDJSON)
    assert (200, "application/x-ndjson") == (answer.status_code, media_type(answer))
    return answer.text.split("\n")[:-1]


@contextmanager
def listening(
    client: Client, last: int | None = None, **asked: Any
) -> Iterator[Iterator[sse.Event]]:
    """A live stream, from after `last` on."""
    headers = {"Accept": SSE} | ({} if last is None else {"Last-Event-ID": str(last)})
    with client.stream("GET", "/v1/events", params=asked, headers=headers) as answer:
        assert (200, SSE) == (answer.status_code, media_type(answer))
        yield sse.events(answer.iter_bytes())


def take(found: Iterator[sse.Event], lines: list[str]) -> None:
    """The next events are these lines, each with its place and its type."""
    for line in lines:
        entry = json.loads(line)["entry"]
        assert sse.Event(str(entry["seq"]), entry["type"], line) == next(found)
