"""Serialization of a position by its id, from the row of `projections.queries`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from onrecord.domain.dates import bound_fields
from onrecord.kit.sql.db import Row
from onrecord.query.answers.record_schemas import PositionRecord
from onrecord.query.answers.schemas import Known
from onrecord.query.answers.serialize import (
    effective_fields,
    label_fields,
    record_state,
    serialize_previous,
    serialize_retracted,
    statement_fields,
)
from onrecord.query.answers.statement_schemas import StatementOfBasis


def serialize_record(row: Row, *, known: Known, public_url: str) -> PositionRecord:
    """The whole answer about a position that is on record at this size."""
    return PositionRecord(
        id=row["id"],
        **record_state(row),
        actor=row["actor"],
        recorded_as=row["recorded_as"],
        topic=row["topic"],
        **label_fields(row),
        stance=row["stance"],
        condition=row["condition"],
        summary=row["summary"],
        rationale=row["rationale"],
        effective=row["effective"],
        **effective_fields(row),
        order=row["ord"],
        since=row["since"],
        **bound_fields("since", row["since"]),
        kind=row["kind"],
        change_size=row["change_size"],
        late=row["late"],
        previous=serialize_previous(row),
        basis=row["basis"],
        retracted_basis=serialize_retracted(row["retracted_basis"]),
        statements=[_statement(statement) for statement in row["statements"]],
        coder=row["coder"],
        seq=row["made_seq"],
        event=row["event"],
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
        permalink=f"{public_url}/v1/positions/{row['id']}?known_size={known.size}",
        known=known,
    )


def _statement(statement: Mapping[str, Any]) -> StatementOfBasis:
    """A document of that shape, whose time is a text in JSON."""
    recorded_at = datetime.fromisoformat(statement["recorded_at"])
    return cast(StatementOfBasis, statement_fields({**statement, "recorded_at": recorded_at}))
