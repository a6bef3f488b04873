"""The `webhooks` section of the OpenAPI description: the POSTs that an endpoint may receive.

One for each type of event, with an example that is rendered as a real delivery is (`encode`,
`event_body`), but with constant ids, times and salts. Called by `app_factory`.
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
from onrecord.domain.payload import references as references_of
from onrecord.domain.payload import split_payload
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
from onrecord.webhooks.matching import CHANGE_TYPE, EVENT_TYPES

_SUBJECT: Final = UUID("01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10")
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
    "basis": [str(_SUBJECT)],
    "coder": "desk",
}
_NAMES: Final = {"kind": "government", "names": [{"name": "Ministry", "lang": "en"}]}
_LABELS: Final = {"label": "Talks", "proposition": "Hold talks before they withdraw"}
_AMENDS: Final = {"target": str(_SUBJECT), "by": "us", "reason": "A slip of ours."}
# The summary and the data of an example of each type.
EXAMPLES: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
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
        {"target": str(_SUBJECT), "sections": ["content"], "ground": "gdpr-17"},
    ),
}
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


def example_body(type_: str) -> dict[str, Any]:
    """The body of a delivery of this type."""
    if type_ == payload.PING_TYPE:
        ping: dict[str, Any] = orjson.loads(
            payload.ping_body(_EVENT, _SUBJECT, format_timestamp(_AT))
        )
        return ping
    event = _newest(type_).model_validate(EXAMPLES[type_][1])
    sealed = _seal(event)
    references = [
        reference for reference in references_of(event) if isinstance(reference.name, str)
    ]
    touches = Touches(
        tuple(sorted({str(actor.name) for actor in references if actor.kind == "actor"})),
        tuple(sorted({str(topic.name) for topic in references if topic.kind == "topic"})),
    )
    entry = encode(sealed, touches, seq=41, recorded_at=format_timestamp(_AT), recorded_by="local")
    row = {
        "entry": entry,
        "sections": [section.section for section in sealed.payloads],
        "values": [section.value for section in sealed.payloads],
        "erased": None,
        "change": _CHANGE if type_ == CHANGE_TYPE else None,
    }
    body: dict[str, Any] = orjson.loads(payload.event_body(row))
    return body


def _newest(type_: str) -> type[Event]:
    return EVENT_CLASSES[max(key for key in EVENT_CLASSES if key[0] == type_)]


def _seal(event: Event) -> SealedEvent:
    """As `entry.seal`, but with a constant salt: the description must not change each time."""
    data, sections = split_payload(event)
    payloads = tuple(
        Payload(name, _SALT, canonical(value)) for name, value in sorted(sections.items())
    )
    commit = {section.section: commitment(section.salt, section.value) for section in payloads}
    return SealedEvent(ProposedEvent(_EVENT, event), data, payloads, commit)


def describe_webhooks(app: FastAPI) -> None:
    """Add every POST that an endpoint may receive to the description of this API.

    Raises KeyError if a type of event has no example.
    """
    summaries = {type_: EXAMPLES[type_][0] for type_ in EVENT_TYPES}
    for type_, summary in {**summaries, payload.PING_TYPE: "A test."}.items():
        app.webhooks.add_api_route(
            type_,
            _receive,
            methods=["POST"],
            summary=summary,
            description="Answer 2xx within 15 seconds. The same `webhook-id` may come again.",
            operation_id=f"receive_{type_.replace('.', '_')}",
            status_code=204,
            tags=["webhooks API"],
            route_class_override=APIRoute,
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {
                        payload.MEDIA_TYPE: {
                            "schema": {"$ref": "#/components/schemas/CloudEvent"},
                            "example": example_body(type_),
                        }
                    },
                },
                "parameters": _HEADERS,
            },
        )


_HEADERS: Final = [
    {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": kind}}
    for name, text, kind in (
        ("webhook-id", "The event's id: the same in every attempt, resend and replay.", "string"),
        ("webhook-timestamp", "Of this attempt, in seconds.", "integer"),
        ("webhook-signature", "Standard Webhooks: one `v1,` for each secret in use.", "string"),
    )
]


async def _receive() -> None:
    """Described only: receivers implement it."""
