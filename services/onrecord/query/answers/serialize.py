"""Serialization of rows into response models. Used by the routes of this package.

Pure functions from rows of `projections.queries` to the models of `schemas`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, Literal

from onrecord.domain.dates import bounds, format_instant
from onrecord.kit.sql.db import Row
from onrecord.query.answers.position_schemas import (
    Previous,
    RetractedStatement,
    Step,
    VersionOfStep,
)
from onrecord.query.answers.schemas import Actor, StatementOut, Topic, Version


def serialize_actor(row: Row) -> Actor:
    return Actor(
        id=row["id"],
        kind=row["kind"],
        names=row["names"],
        identifiers=row["identifiers"],
        merged_into=row["merged_into"],
        **_version(row),
    )


def serialize_topic(row: Row) -> Topic:
    return Topic(
        id=row["id"],
        label=row["label"],
        proposition=row["proposition"],
        broader=row["broader"],
        **_version(row),
    )


def serialize_statement(row: Row) -> dict[str, Any]:
    """A `StatementOut` and the statement's own fields; a retracted one has the retraction."""
    retracted = row["close_seq"] < row["known_size"]
    corrected = row["open_seq"] > row["made_seq"]
    answer = StatementOut(
        erased=row["erased"],
        id=row["id"],
        status="retracted" if retracted else "corrected" if corrected else "on_record",
        closed=_closed(row) if retracted else None,
        **said_fields(row["doc"]),
        **_version(row),
    )
    return {**vars(answer), **row["doc"]}


def serialize_step(row: Row, *, certainty: Literal["definite", "possible"]) -> Step:
    """A step with its kind of change, which follows from the step before it."""
    return Step(
        id=row["id"],
        actor=row["actor"],
        recorded_as=row["recorded_as"],
        topic=row["topic"],
        stance=row["stance"],
        condition=row["condition"],
        summary=row["summary"],
        effective=row["effective"],
        **effective_fields(row),
        since=row["since"],
        certainty=certainty,
        order=row["ord"],
        kind=row["kind"],
        change_size=row["change_size"],
        late=row["late"],
        previous=serialize_previous(row),
        basis=row["basis"],
        retracted_basis=serialize_retracted(row["retracted_basis"]),
        coder=row["coder"],
        seq=row["made_seq"],
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
    )


def serialize_step_version(row: Row) -> VersionOfStep:
    """A version of a step, with its bounds on the known axis."""
    closed = row["close_seq"] < row["known_size"]
    return VersionOfStep(
        id=row["id"],
        actor=row["actor"],
        stance=row["stance"],
        condition=row["condition"],
        summary=row["summary"],
        effective=row["effective"],
        **effective_fields(row),
        order=row["ord"],
        basis=row["basis"],
        retracted_basis=serialize_retracted(row["retracted_basis"]),
        coder=row["coder"],
        known_from_size=row["open_seq"] + 1,
        known_until_size=row["close_seq"] if closed else None,
        opened={
            "event": row["event"],
            "type": row["event_type"],
            "seq": row["open_seq"],
            "by": row["by"],
            "reason": row["reason"],
            "recorded_at": row["recorded_at"],
            "recorded_by": row["recorded_by"],
        },
        closed=_closed(row) if closed else None,
    )


def serialize_retracted(statements: Sequence[Mapping[str, Any]]) -> list[RetractedStatement]:
    """The retracted statements of a basis, whose times are texts in JSON."""
    return [
        RetractedStatement(
            **{**statement, "recorded_at": datetime.fromisoformat(statement["recorded_at"])}
        )
        for statement in statements
    ]


def effective_fields(row: Row) -> dict[str, Any]:
    """What follows from the date of a position: its bounds, and whether it was recorded ahead."""
    if row["effective"] is None:
        return {"effective_earliest": None, "effective_latest": None, "announced": None}
    earliest, latest = _bounds_as_text(row["effective"])
    announced = bounds(row["effective"]).earliest > row["recorded_at"]
    return {"effective_earliest": earliest, "effective_latest": latest, "announced": announced}


def said_fields(statement: Mapping[str, Any]) -> dict[str, Any]:
    """The bounds of when a statement was said."""
    earliest, latest = _bounds_as_text(statement["said_at"])
    return {"said_earliest": earliest, "said_latest": latest}


def _bounds_as_text(date: str) -> tuple[str | None, str]:
    """The first and the last instant of a date as text; of `../D` no first one is known."""
    earliest, latest, _ = bounds(date)
    first = None if date.startswith("../") else format_instant(earliest)
    return first, format_instant(latest)


def serialize_previous(row: Row) -> Previous | None:
    if row["before_id"] is None:
        return None
    return Previous(id=row["before_id"], stance=row["before_stance"], since=row["before_since"])


def _version(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _VERSION}


_VERSION: Final = tuple(field.name for field in fields(Version))


def _closed(row: Row) -> dict[str, Any]:
    return {
        "event": row["close_event"],
        "type": row["close_type"],
        "seq": row["close_seq"],
        "by": row["close_by"],
        "reason": row["close_reason"],
        "recorded_at": row["closed_at"],
        "recorded_by": row["closed_by"],
    }
