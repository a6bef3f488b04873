"""In which words is a receiver told of an event?

CloudEvents 1.0 in structured JSON, made when it is sent and never stored: what was erased meanwhile
is not sent. `data` is the event as `GET /v1/events/{id}` gives it, without salts; a changed
position's has `change` besides. Called by `deliver` and by the feed, each with rows of `EVENTS`,
and by `examples` for the description of the API.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text

from onrecord.domain.event_types import stored_subject
from onrecord.projections.changes.change_of import change

MEDIA_TYPE: Final = "application/cloudevents+json"
SOURCE: Final = "urn:onrecord:ledger"
"""CloudEvents' `source`: with the event's id, it names an event once for all."""
PING: Final = "endpoint.ping"
"""The type of what a ping sends, which no event on record has."""

EVENTS: Final = text(f"""
SELECT e.seq, e.entry, p.sections, p.values, x.erased,
    {change("e.seq", "e.id")} AS change
FROM ledger.entries e
LEFT JOIN LATERAL (
    SELECT array_agg(section ORDER BY section) AS sections,
        array_agg(value ORDER BY section) AS values
    FROM ledger.payloads WHERE seq = e.seq
) p ON true
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(section, ground) AS erased FROM ledger.erased WHERE seq = e.seq
) x ON true
WHERE e.seq = ANY (CAST(:seqs AS bigint[]))
""")
"""What is told of these events, each read once however many are to be told of it."""


def body(row: Mapping[str, Any]) -> bytes:
    """A row of `EVENTS` as the body of a delivery."""
    entry = orjson.loads(row["entry"])
    data: dict[str, Any] = {
        "entry": orjson.Fragment(row["entry"]),
        "payload": {
            section: {"value": orjson.Fragment(value)}
            for section, value in zip(row["sections"] or (), row["values"] or (), strict=True)
        },
        "erased": row["erased"] or {},
    }
    if row["change"] is not None:
        data["change"] = row["change"]
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": entry["id"],
            "source": SOURCE,
            "type": entry["type"],
            "subject": _subject(entry),
            "time": entry["recorded_at"],
            "sequence": str(entry["seq"]),
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def ping(id_: UUID, endpoint: UUID, at: str) -> bytes:
    """The body of a ping: a test that says so. It has no place in the ledger, so no `sequence`."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(id_),
            "source": SOURCE,
            "type": PING,
            "subject": f"endpoints/{endpoint}",
            "time": at,
            "datacontenttype": "application/json",
            "data": {"endpoint": str(endpoint), "message": "A test: nothing was recorded."},
        }
    )


def _subject(entry: Mapping[str, Any]) -> str:
    """The thing that the event is about, as a path below `/v1/`."""
    kind, name = stored_subject(entry["type"], entry["version"], entry["data"], entry["id"])
    return f"{kind}s/{name}"
