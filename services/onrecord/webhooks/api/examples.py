"""What does each kind of POST look like that an endpoint may get?

The `webhooks` of the OpenAPI description: one for each type of event, with an example that goes
through the same hands as a real one (`seal`, `encode`, `render`), only that its ids, times and
salts are the same each time. Called by the entrypoint that serves the door.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from fastapi import FastAPI
from fastapi.routing import APIRoute

from onrecord.domain.decisions import Touches, touches_after
from onrecord.domain.event import Event
from onrecord.domain.event_types import NEWEST_CLASSES
from onrecord.domain.events import PositionChanged
from onrecord.domain.payload import references, split_payload
from onrecord.domain.requests import ProposedEvent
from onrecord.ledger.entry import Payload, Sealed, canonical, commitment, encode, stamp
from onrecord.webhooks import payload

_THING: Final = UUID("01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10")
_EVENT: Final = UUID("01939a3c-7b2e-7c0f-9d44-5e8f0a6b7c21")
_AT: Final = datetime(2022, 12, 2, 9, 30, tzinfo=UTC)
_SALT: Final = bytes(32)
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
        told: dict[str, Any] = orjson.loads(payload.ping(_EVENT, _THING, stamp(_AT)))
        return told
    event_class = NEWEST_CLASSES[type_]
    event = event_class.model_validate(event_class.example)
    sealed = _sealed(event)
    touches = touches_after(event, Touches(), references(event))
    entry = encode(sealed, touches, seq=41, recorded_at=stamp(_AT), recorded_by="local")
    row = {
        "entry": entry,
        "sections": [one.section for one in sealed.payloads],
        "values": [one.value for one in sealed.payloads],
        "erased": None,
        "change": _CHANGE if type_ == PositionChanged.type else None,
    }
    body: dict[str, Any] = orjson.loads(payload.body(row))
    return body


def _sealed(event: Event) -> Sealed:
    """As `entry.seal` does, but for the salt, which would make each description another."""
    data, sections = split_payload(event)
    payloads = tuple(
        Payload(name, _SALT, canonical(value)) for name, value in sorted(sections.items())
    )
    commit = {one.section: commitment(one.salt, one.value) for one in payloads}
    return Sealed(ProposedEvent(_EVENT, event), data, payloads, commit)


def describe(app: FastAPI) -> None:
    """Put every POST that an endpoint may get into the description of this API."""
    summaries = {type_: event_class.__doc__ for type_, event_class in NEWEST_CLASSES.items()}
    told = {**summaries, payload.PING: "A test."}
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
