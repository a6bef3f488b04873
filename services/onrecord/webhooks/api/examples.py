"""What does each kind of POST look like that an endpoint may get?

The `webhooks` of the OpenAPI description: one for each type of event, with an example that goes
through the same hands as a real one (`seal`, `encode`, `render`), only that its ids, times and
salts are the same each time. Called by the entrypoint that serves the door.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from fastapi import FastAPI
from fastapi.routing import APIRoute

from onrecord.domain.decisions import Touches
from onrecord.domain.event import Event
from onrecord.domain.events import EVENT_CLASSES
from onrecord.domain.payload import references, split_payload
from onrecord.domain.requests import ProposedEvent
from onrecord.ledger.entry import (
    Payload,
    SealedEvent,
    canonical,
    commitment,
    encode,
    format_timestamp,
)
from onrecord.webhooks import payload

_THING: Final = UUID("01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10")
_EVENT: Final = UUID("01939a3c-7b2e-7c0f-9d44-5e8f0a6b7c21")
_AT: Final = datetime(2022, 12, 2, 9, 30, tzinfo=UTC)
_SALT: Final = bytes(32)
_STATEMENT: Final = {
    "speakers": [{"actor": "spokesman", "role": "Spokesman", "on_behalf_of": ["ministry"]}],
    "topics": ["talks"],
    "said_at": "2022-12-01",
    "said_at_basis": "stated",
    "content": {"text": "We are ready to talk.", "lang": "en", "mode": "verbatim"},
    "evidence": [{"url": "https://news.example/talks", "outlet": "The Daily"}],
    "coder": "desk",
}
_POSITION: Final = {
    "actor": "ministry",
    "topic": "talks",
    "stance": "conditional_support",
    "condition": "If the fighting stops.",
    "summary": "Ready for talks once the fighting stops.",
    "effective": "2022-12-01",
    "basis": [str(_THING)],
    "coder": "desk",
}
_NAMES: Final = {"kind": "government", "names": [{"name": "Ministry", "lang": "en"}]}
_LABELS: Final = {"label": "Talks", "proposition": "Hold talks before they withdraw"}
_AMENDS: Final = {"target": str(_THING), "by": "us", "reason": "A slip of ours."}
SAID: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "actor.registered": ("An actor is on record.", {"id": "ministry", **_NAMES}),
    "actor.revised": ("An actor has a new state.", {"id": "ministry", **_NAMES}),
    "actor.merged": (
        "From here on, one actor means another.",
        {"actor": "ministry-2", "into": "ministry", "reason": "The same."},
    ),
    "actor.unmerged": (
        "A merge was wrong, or is over.",
        {"actor": "ministry-2", "reason": "Not the same after all."},
    ),
    "topic.registered": ("A topic is on record.", {"id": "talks", **_LABELS}),
    "topic.revised": ("A topic has a new state.", {"id": "talks", **_LABELS}),
    "statement.made": ("Somebody said something.", _STATEMENT),
    "statement.corrected": (
        "What a statement on record should have said.",
        {**_AMENDS, "replacement": _STATEMENT},
    ),
    "statement.retracted": ("A statement is taken off the record.", _AMENDS),
    "position.changed": (
        "From a date on, somebody holds a stance; `change` tells it from the one before.",
        _POSITION,
    ),
    "position.corrected": (
        "What a position on record should have been: we were wrong, they did not change.",
        {**_AMENDS, "replacement": _POSITION},
    ),
    "position.retracted": ("A position is taken off the record.", _AMENDS),
    "payload.erased": (
        "Words of a statement are gone; from here on no delivery holds them.",
        {"target": str(_THING), "sections": ["content"], "ground": "gdpr-17"},
    ),
}
"""What each type tells, and an example of it."""
_CHANGE: Final = {
    "kind": "shifted",
    "size": 2,
    "late": False,
    "previous": {
        "id": "01939a3c-5e11-7d3b-b1c2-0a9f8e7d6c55",
        "stance": "conditional_oppose",
        "condition": "As long as they attack.",
        "effective": "2022-10-11",
    },
}


def example(type_: str) -> dict[str, Any]:
    """The body of a delivery of this type."""
    if type_ == payload.PING:
        told: dict[str, Any] = orjson.loads(payload.ping(_EVENT, _THING, format_timestamp(_AT)))
        return told
    event = _newest(type_).model_validate(SAID[type_][1])
    sealed = _sealed(event)
    named = [one for one in references(event) if isinstance(one.name, str)]
    touches = Touches(
        tuple(sorted({str(one.name) for one in named if one.kind == "actor"})),
        tuple(sorted({str(one.name) for one in named if one.kind == "topic"})),
    )
    entry = encode(sealed, touches, seq=41, recorded_at=format_timestamp(_AT), recorded_by="local")
    row = {
        "entry": entry,
        "sections": [one.section for one in sealed.payloads],
        "values": [one.value for one in sealed.payloads],
        "erased": None,
        "change": _CHANGE if type_ == "position.changed" else None,
    }
    body: dict[str, Any] = orjson.loads(payload.body(row))
    return body


def _newest(type_: str) -> type[Event]:
    return max(
        ((version, one) for (name, version), one in EVENT_CLASSES.items() if name == type_),
        key=lambda found: found[0],
    )[1]


def _sealed(event: Event) -> SealedEvent:
    """As `entry.seal` does, but for the salt, which would make each description another."""
    data, sections = split_payload(event)
    payloads = tuple(
        Payload(name, _SALT, canonical(value)) for name, value in sorted(sections.items())
    )
    commit = {one.section: commitment(one.salt, one.value) for one in payloads}
    return SealedEvent(ProposedEvent(_EVENT, event), data, payloads, commit)


def describe(app: FastAPI) -> None:
    """Put every POST that an endpoint may get into the description of this API."""
    told = {**{type_: said for type_, (said, _) in SAID.items()}, payload.PING: "A test."}
    for type_, said in told.items():
        app.webhooks.add_api_route(
            type_,
            _receive,
            methods=["POST"],
            summary=said,
            description="Answer 2xx within 15 seconds. The same `webhook-id` may come again.",
            operation_id=f"receive_{type_.replace('.', '_')}",
            status_code=204,
            tags=["webhooks"],
            route_class_override=APIRoute,
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {
                        payload.MEDIA_TYPE: {
                            "schema": {"$ref": "#/components/schemas/CloudEvent"},
                            "example": example(type_),
                        }
                    },
                },
                "parameters": _HEADERS,
            },
        )


_HEADERS: Final = [
    {"name": name, "in": "header", "required": True, "description": said, "schema": {"type": kind}}
    for name, said, kind in (
        ("webhook-id", "The event's id: the same in every attempt, resend and replay.", "string"),
        ("webhook-timestamp", "Of this attempt, in seconds.", "integer"),
        ("webhook-signature", "Standard Webhooks: one `v1,` for each secret in use.", "string"),
    )
]


async def _receive() -> None:
    """Described, and never called here: receivers have it."""
