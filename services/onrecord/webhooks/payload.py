"""Bodies of deliveries: CloudEvents 1.0 in structured JSON.

Rendered when sent and never stored, so sections that were erased in the meantime are not sent.
`data` is the event as `GET /v1/events/{id}` gives it, without salts; a changed position also has
`change`. Used by the deliverer and the feed with rows of `EVENTS`, and by `examples`.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text

from onrecord.domain.event_types import stored_subject

MEDIA_TYPE: Final = "application/cloudevents+json"
SOURCE: Final = "urn:onrecord:ledger"  # with the event's id, it identifies an event everywhere
PING_TYPE: Final = "endpoint.ping"  # the type of a ping, which no recorded event has

# The events at :seqs. The change of a position is the one known at the event itself: the rows of a
# projection that were current then, `open_seq <= seq < close_seq`.
EVENTS: Final = text("""
SELECT e.seq, e.entry, p.sections, p.values, x.erased, c.change
FROM ledger.entries e
LEFT JOIN LATERAL (
    SELECT array_agg(section ORDER BY section) AS sections,
        array_agg(value ORDER BY section) AS values
    FROM ledger.payloads WHERE seq = e.seq
) p ON true
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(section, ground) AS erased FROM ledger.erased WHERE seq = e.seq
) x ON true
LEFT JOIN LATERAL (
    SELECT jsonb_build_object('kind', c.kind, 'size', c.change_size, 'late', c.late, 'previous',
        CASE WHEN c.before_id IS NOT NULL THEN jsonb_build_object(
            'id', c.before_id, 'stance', c.before_stance,
            'condition', s.condition, 'effective', s.effective) END) AS change
    FROM projections.changes c LEFT JOIN projections.steps s
        ON s.id = c.before_id AND s.open_seq <= e.seq AND s.close_seq > e.seq
        AND s.generation =
            (SELECT generation FROM projections.checkpoints WHERE live AND name = 'positions')
    WHERE c.id = e.id AND c.open_seq = e.seq AND c.generation =
        (SELECT generation FROM projections.checkpoints WHERE live AND name = 'changes')
) c ON true
WHERE e.seq = ANY (CAST(:seqs AS bigint[]))
""")


def event_body(row: Mapping[str, Any]) -> bytes:
    """The body of a delivery of the event in a row of `EVENTS`."""
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
            "subject": _subject_path(entry),
            "time": entry["recorded_at"],
            "sequence": str(entry["seq"]),
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def ping_body(id_: UUID, endpoint: UUID, at: str) -> bytes:
    """The body of a ping. It is not in the ledger, so it has no `sequence`."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(id_),
            "source": SOURCE,
            "type": PING_TYPE,
            "subject": f"endpoints/{endpoint}",
            "time": at,
            "datacontenttype": "application/json",
            "data": {"endpoint": str(endpoint), "message": "A test: nothing was recorded."},
        }
    )


def _subject_path(entry: Mapping[str, Any]) -> str:
    """The path of the event's subject below `/v1/`."""
    kind, name = stored_subject(entry["type"], entry["version"], entry["data"], entry["id"])
    return f"{kind}s/{name}"
