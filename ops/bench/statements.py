"""Which statements do the benches write? All of 1 KB as a JSON body, no two with the same words."""

from datetime import UTC, datetime
from typing import Any

import orjson

from onrecord.domain.decisions import AcceptedEvent, Entity, LedgerState, decide
from onrecord.domain.ids import entity_id, new_id
from onrecord.domain.requests import Refusal, Request
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import ActorIn, StatementIn, TopicIn
from onrecord.ledger.entry import Payload, encode, format_timestamp, seal

BYTES = 1_024
"""Of the JSON body as it is posted, its id included."""
ACTORS = tuple(f"actor-{n}" for n in range(50))
TOPICS = tuple(f"topic-{n}" for n in range(20))
_FILLER = "We have always said that we are ready to talk, and that we will go on saying so. " * 12


def cast() -> list[Request]:
    """Registrations of everybody and everything that the statements name."""
    actors = [write_requests.new_actor(ActorIn.model_validate(one)) for one in actor_bodies()]
    return actors + [
        write_requests.new_topic(TopicIn.model_validate(one)) for one in topic_bodies()
    ]


def actor_bodies() -> list[dict[str, Any]]:
    return [{"id": one, "kind": "person", "names": [{"name": one, "lang": "en"}]} for one in ACTORS]


def topic_bodies() -> list[dict[str, Any]]:
    return [{"id": one, "label": one, "proposition": f"Hold {one} soon."} for one in TOPICS]


def body(n: int) -> dict[str, Any]:
    """The n-th statement as it is posted, with an id of its own."""
    made: dict[str, Any] = {
        "id": str(new_id()),
        "speakers": [{"actor": ACTORS[n % 50], "role": "Spokesperson"}],
        "topics": [TOPICS[n % 20]],
        "venue": "Press room",
        "said_at": f"2022-{n % 12 + 1:02}-{n % 28 + 1:02}",
        "said_at_basis": "stated",
        "content": {"text": f"{n}: ", "lang": "en", "mode": "verbatim"},
        "evidence": [
            {
                "url": f"https://news.example/2022/{n}",
                "outlet": "The Daily",
                "title": "Ready to talk, says spokesperson",
                "published_at": "2022-12-31T12:00:00Z",
            }
        ],
        "coder": "bench",
    }
    made["content"]["text"] += _FILLER[: BYTES - len(orjson.dumps(made))]
    return made


def request(n: int) -> Request:
    """The n-th statement as the committer takes it."""
    checked = StatementIn.model_validate(body(n))
    return write_requests.new_statement(checked, checked.id or new_id())


def fact(asked: Request) -> AcceptedEvent:
    """A statement as it is accepted where everybody that it names is on record."""
    things = {entity_id("actor", one): Entity("actor") for one in ACTORS}
    things |= {entity_id("topic", one): Entity("topic") for one in TOPICS}
    found = decide(asked, LedgerState(things))
    assert not isinstance(found, Refusal), found
    return found[0]


def encoded(fact: AcceptedEvent, *, seq: int, now: datetime) -> tuple[bytes, tuple[Payload, ...]]:
    """A fact as entry and payload."""
    sealed = seal(fact.proposed)
    entry = encode(
        sealed, fact.touches, seq=seq, recorded_at=format_timestamp(now), recorded_by="local"
    )
    return entry, sealed.payloads


def sizes() -> str:
    """How many bytes one statement is, in words."""
    entry, payloads = encoded(fact(request(1)), seq=100_000, now=datetime.now(UTC))
    words = sum(len(one.value) for one in payloads)
    return (
        f"One statement: {len(orjson.dumps(body(1)))} bytes as a JSON body; on record an entry of"
        f" {len(entry)} bytes and {len(payloads)} payload sections of {words} bytes together."
    )
