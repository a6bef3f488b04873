"""Bodies of deliveries: CloudEvents 1.0 in structured JSON.

Rendered when sent and never stored, so sections that were erased in the meantime are not sent.
`data` is the event as `GET /v1/events/{id}` gives it, without salts, and the same in flat fields
(`flat_fields`); a changed position also has `change`. Used by the deliverer and the feed with rows
of `EVENTS`, and by `examples`.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text

from onrecord.domain.event_types import stored_subject
from onrecord.kit.sql.sql_files import load_query
from onrecord.webhooks.flat_fields import change_fields, flat_fields

MEDIA_TYPE: Final = "application/cloudevents+json"
PING_TYPE: Final = "endpoint.ping"  # the type of a ping, which no recorded event has

EVENTS: Final = load_query("webhooks/queries/events.sql")
DELIVERABLE_SIZE: Final = load_query("webhooks/queries/deliverable_size.sql")
INSTALLATION: Final = text("SELECT id FROM webhooks.installation")


def event_body(row: Mapping[str, Any], public_url: str) -> bytes:
    """The body of a delivery of the event in a row of `EVENTS`. Links begin with `public_url`."""
    entry = orjson.loads(row["entry"])
    kind, name = stored_subject(entry["type"], entry["version"], entry["data"], entry["id"])
    data: dict[str, Any] = {
        "entry": orjson.Fragment(row["entry"]),
        "payload": {
            section: {"value": orjson.Fragment(value)}
            for section, value in zip(row["sections"] or (), row["values"] or (), strict=True)
        },
        "erased": row["erased"] or {},
        **flat_fields(row, entry, kind, name, public_url),
    }
    if row["change"] is not None:
        data |= change_fields(row["change"], row["timeline"], entry["recorded_at"])
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": entry["id"],
            "source": source_of(row["installation"]),
            "type": entry["type"],
            "subject": f"{kind}s/{name}",  # its path below `/v1/`
            "time": entry["recorded_at"],
            "sequence": str(entry["seq"]),
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def ping_body(id_: UUID, endpoint: UUID, at: str, installation: UUID) -> bytes:
    """The body of a ping. It is not in the ledger, so it has no `sequence`."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(id_),
            "source": source_of(installation),
            "type": PING_TYPE,
            "subject": f"endpoints/{endpoint}",
            "time": at,
            "datacontenttype": "application/json",
            "data": {"endpoint": str(endpoint), "message": "A test: nothing was recorded."},
        }
    )


def source_of(installation: UUID) -> str:
    """With an event's id, it identifies the event among those of all installations."""
    return f"urn:uuid:{installation}"
