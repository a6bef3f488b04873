"""Statements that the benchmarks write: 1 KB each as a JSON body, all with different texts."""

from datetime import UTC, datetime
from typing import Any

import orjson

from onrecord.domain.dates import format_instant
from onrecord.domain.decisions import AcceptedEvent, Entity, LedgerState, decide
from onrecord.domain.ids import entity_id, new_id
from onrecord.domain.requests import Refusal, Request
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import ActorIn, StatementIn, TopicIn
from onrecord.ledger.entry import Payload, encode, seal

BYTES = 1_024
"""Size of the posted JSON body, id included."""
ACTORS = tuple(f"actor-{n}" for n in range(50))
TOPICS = tuple(f"topic-{n}" for n in range(20))
_FILLER = "We have always said that we are ready to talk, and that we will go on saying so. " * 12


def registrations() -> list[Request]:
    """Registrations of the actors and topics of the statements."""
    actors = [write_requests.new_actor(ActorIn.model_validate(body)) for body in actor_bodies()]
    return actors + [
        write_requests.new_topic(TopicIn.model_validate(body)) for body in topic_bodies()
    ]


def actor_bodies() -> list[dict[str, Any]]:
    return [
        {"id": slug, "kind": "person", "names": [{"name": slug, "lang": "en"}]} for slug in ACTORS
    ]


def topic_bodies() -> list[dict[str, Any]]:
    return [{"id": slug, "label": slug, "proposition": f"Hold {slug} soon."} for slug in TOPICS]


def body(n: int) -> dict[str, Any]:
    """The n-th statement as a JSON body, with a new id."""
    statement: dict[str, Any] = {
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
    statement["content"]["text"] += _FILLER[: BYTES - len(orjson.dumps(statement))]
    return statement


def request(n: int) -> Request:
    """The n-th statement as the committer takes it."""
    checked = StatementIn.model_validate(body(n))
    return write_requests.new_statement(checked, checked.id or new_id())


def accepted_event(request: Request) -> AcceptedEvent:
    """A statement as accepted by a ledger that has its actors and topics."""
    entities = {entity_id("actor", slug): Entity("actor") for slug in ACTORS}
    entities |= {entity_id("topic", slug): Entity("topic") for slug in TOPICS}
    decision = decide(request, LedgerState(datetime.now(UTC), entities))
    assert not isinstance(decision, Refusal), decision
    return decision[0]


def encoded(event: AcceptedEvent, *, seq: int, now: datetime) -> tuple[bytes, tuple[Payload, ...]]:
    """An event as entry and payloads."""
    sealed = seal(event.proposed)
    entry = encode(
        sealed, event.touches, seq=seq, recorded_at=format_instant(now), recorded_by="local"
    )
    return entry, sealed.payloads


def sizes() -> str:
    """A sentence with the size of a statement in bytes."""
    entry, payloads = encoded(accepted_event(request(1)), seq=100_000, now=datetime.now(UTC))
    size = sum(len(payload.value) for payload in payloads)
    return (
        f"One statement: {len(orjson.dumps(body(1)))} bytes as a JSON body; on record an entry of"
        f" {len(entry)} bytes and {len(payloads)} payload sections of {size} bytes together."
    )
