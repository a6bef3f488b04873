"""Corrections and retractions of positions: what the record had wrong, not what actors changed.

Read by the pages that list changes. `GET /v1/changes` shows what was corrected in its old place,
as it is believed now; here each correction is an item of its own, with what it replaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from onrecord.domain.event import AmendedBy
from onrecord.domain.stances import Stance
from onrecord.kit.sql.db import Row
from onrecord.projections import queries
from onrecord.query.answers.serialize import label_fields
from onrecord.query.read_context import ReadContext


@dataclass(kw_only=True)
class PositionVersion:
    """What the record said before a correction, or says after it."""

    stance: Stance
    condition: str | None
    effective: str


@dataclass(kw_only=True)
class Correction:
    """A correction or retraction of a position."""

    id: UUID
    actor: str
    actor_label: str
    topic: str
    topic_label: str
    type: Literal["position.corrected", "position.retracted"]
    by: AmendedBy
    reason: str | None
    seq: int
    recorded_at: datetime
    before: PositionVersion | None
    after: PositionVersion | None


async def read_corrections(
    context: ReadContext, *, first_seq: int, end_seq: int, limit: int, **filters: Any
) -> Sequence[Correction]:
    """Corrections recorded from one seq to before another, last recorded first, at most `limit`.

    `filters`: `actors`, `topics`, `recorded_from`, `recorded_to`; those that are None do not count.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    query = queries.corrections_page(given)
    rows = await context.rows(query, first_seq=first_seq, end_seq=end_seq, limit=limit, **given)
    return [_correction(row) for row in rows if row["id"] is not None]


def _correction(row: Row) -> Correction:
    return Correction(
        **{name: row[name] for name in ("id", "actor", "topic", "type", "by", "reason")},
        **label_fields(row),
        seq=row["seq"],
        recorded_at=row["recorded_at"],
        before=_version(row, "before"),
        after=_version(row, "after"),
    )


def _version(row: Mapping[str, Any], side: str) -> PositionVersion | None:
    if row[f"{side}_stance"] is None:
        return None
    fields = ("stance", "condition", "effective")
    return PositionVersion(**{name: row[f"{side}_{name}"] for name in fields})
