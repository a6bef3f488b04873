"""Serialization of corrections and retractions, from rows of `queries.corrections_page`."""

from typing import Any

from onrecord.domain.names import display_name
from onrecord.kit.sql.db import Row
from onrecord.query.answers.correction_schemas import AmendedContent, Correction


def serialize_correction(row: Row) -> Correction:
    return Correction(
        event=row["event"],
        type=row["event_type"],
        seq=row["seq"],
        subject=row["subject"],
        id=row["id"],
        actors=row["actors"],
        actor_labels=[
            display_name(names, slug)
            for names, slug in zip(row["actor_names"], row["actors"], strict=True)
        ],
        topics=row["topics"],
        topic_labels=row["topic_labels"],
        by=row["by"],
        reason=row["reason"],
        was=_content(row["was"]),
        now=_content(row["now"]),
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
    )


def _content(fields: dict[str, Any] | None) -> AmendedContent | None:
    return None if fields is None else AmendedContent(**fields)
