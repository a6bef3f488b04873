"""The `webhooks` section of the OpenAPI description: the POSTs that an endpoint may receive.

One for each type of event, with an example that is rendered as a real delivery is (`encode`,
`event_body`), but with constant ids, times and salts. Called by `app_factory`.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from fastapi import FastAPI

from onrecord.domain.dates import format_instant
from onrecord.domain.decisions import Touches, touches_after
from onrecord.domain.event import Event
from onrecord.domain.event_types import CHANGE_TYPE, NEWEST_CLASSES
from onrecord.domain.events import PayloadErased, PositionChanged, StatementMade, TopicRegistered
from onrecord.domain.payload import references, split_payload
from onrecord.domain.requests import ProposedEvent
from onrecord.ledger.entry import (
    Payload,
    SealedEvent,
    canonical,
    commitment,
    encode,
)
from onrecord.webhooks import payload

_SUBJECT: Final = UUID("01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10")
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


_TIMELINE: Final = {
    "effective": PositionChanged.example["effective"],
    "candidates": [],
    "overlaps": False,
    "follows_on_same_date": False,
}
_INSTALLATION: Final = UUID("01939a3c-4c07-7e90-9b0d-6a1c7d2e3f84")
_PUBLIC_URL: Final = "https://record.example.org"
_NAMES: Final = {
    "ministry": [{"name": "Ministry", "lang": "en"}],
    "spokesman": [{"name": "A. Spokesman", "lang": "en"}],
}
_TOPICS: Final = {
    topic["id"]: {name: topic[name] for name in ("label", "proposition")}
    for topic in [TopicRegistered.example]
}


def example_body(type_: str) -> dict[str, Any]:
    """The body of a delivery of this type."""
    if type_ == payload.PING_TYPE:
        ping: dict[str, Any] = orjson.loads(
            payload.ping_body(_EVENT, _SUBJECT, format_instant(_AT), _INSTALLATION)
        )
        return ping
    event_class = NEWEST_CLASSES[type_]
    entry, sealed = _recorded(event_class, _EVENT)
    row = {
        "entry": entry,
        "sections": [section.section for section in sealed.payloads],
        "values": [section.value for section in sealed.payloads],
        "erased": None,
        "change": _CHANGE if type_ == CHANGE_TYPE else None,
        "timeline": _TIMELINE,
        "versions": _versions(event_class),
        "actors": _NAMES,
        "topics": _TOPICS,
        "installation": _INSTALLATION,
    }
    body: dict[str, Any] = orjson.loads(payload.event_body(row, _PUBLIC_URL))
    return body


def _recorded(event_class: type[Event], id_: UUID) -> tuple[bytes, SealedEvent]:
    """The entry of a class's example, and its sections."""
    event = event_class.model_validate(event_class.example)
    sealed = _seal(event, id_)
    touches = touches_after(event, Touches(), references(event))
    recorded_at = format_instant(_AT)
    return encode(sealed, touches, seq=41, recorded_at=recorded_at, recorded_by="local"), sealed


def _versions(event_class: type[Event]) -> bytes:
    """The column `versions` of a row of `payload.EVENTS`."""
    erased = {"content": PayloadErased.example["ground"]} if event_class.erases else {}
    classes: list[type[Event]] = []
    if event_class.is_retraction and event_class.amends == "position":
        classes += [PositionChanged]
    kind = event_class.subject_kind()
    if kind == "position" or (kind == "statement" and (event_class.is_retraction or erased)):
        classes += [StatementMade]
    versions = []
    for version_class in classes:
        entry, sealed = _recorded(version_class, _SUBJECT)
        sections = {
            section.section: orjson.Fragment(section.value)
            for section in sealed.payloads
            if section.section not in erased
        }
        versions.append([orjson.Fragment(entry), sections, erased])
    return orjson.dumps(versions)


def _seal(event: Event, id_: UUID) -> SealedEvent:
    """As `entry.seal`, but with a constant salt: the description must not change each time."""
    data, sections = split_payload(event)
    payloads = tuple(
        Payload(name, _SALT, canonical(value)) for name, value in sorted(sections.items())
    )
    commit = {section.section: commitment(section.salt, section.value) for section in payloads}
    return SealedEvent(ProposedEvent(id_, event), data, payloads, commit)


def describe_webhooks(app: FastAPI) -> None:
    """Add every POST that an endpoint may receive to the description of this API."""
    summaries = {type_: event_class.__doc__ for type_, event_class in NEWEST_CLASSES.items()}
    for type_, summary in {**summaries, payload.PING_TYPE: "A test."}.items():
        app.webhooks.add_api_route(
            type_,
            _receive,
            methods=["POST"],
            summary=summary,
            description="Answer 2xx within 15 seconds. The same `webhook-id` may come again.",
            operation_id="receive" + "".join(word.capitalize() for word in type_.split(".")),
            status_code=204,
            tags=["webhooks API"],
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
