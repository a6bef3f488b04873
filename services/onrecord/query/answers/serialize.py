"""Serialization of rows into response models. Used by the routes of this package.

Pure functions from rows of `projections.queries` to the models of `schemas`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from onrecord.domain.certainty import NO_STEP, CertaintyName, StepFields
from onrecord.domain.dates import bound_fields, bounds
from onrecord.domain.names import display_name
from onrecord.kit.sql.db import Row
from onrecord.query.answers.position_schemas import (
    PossibleStance,
    Previous,
    RetractedStatement,
)
from onrecord.query.answers.schemas import Actor, ClosingEvent, OpeningEvent, Topic, Version
from onrecord.query.answers.step_schemas import Step, VersionOfStep


def serialize_actor(row: Row) -> Actor:
    return Actor(
        id=row["id"],
        label=display_name(row["names"], row["id"]),
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
    """The JSON of a `StatementOut`; a retracted one has the retraction."""
    doc = row["doc"]
    return {
        "id": row["id"],
        "erased": row["erased"],
        **record_state(row),
        "speaker_labels": [
            display_name(names or (), speaker["actor"])
            for names, speaker in zip(row["speaker_names"], doc["speakers"], strict=True)
        ],
        "topic_labels": [
            label or topic
            for label, topic in zip(row["topic_labels"], doc.get("topics", ()), strict=True)
        ],
        **_version(row),
        **statement_fields(doc),
    }


def record_state(row: Row) -> dict[str, Any]:
    """Whether what a row says was corrected or retracted, and the event of the retraction."""
    retracted = row["close_seq"] < row["known_size"]
    corrected = row["open_seq"] > row["made_seq"]
    return {
        "status": "retracted" if retracted else "corrected" if corrected else "on_record",
        "closed": _closed(row) if retracted else None,
    }


def serialize_step(
    row: Row, *, certainty: CertaintyName, alternatives: Sequence[StepFields] | None
) -> Step:
    """A step with its kind of change, which follows from the step before it."""
    return Step(
        id=row["id"],
        actor=row["actor"],
        recorded_as=row["recorded_as"],
        topic=row["topic"],
        **label_fields(row),
        stance=row["stance"],
        condition=row["condition"],
        summary=row["summary"],
        effective=row["effective"],
        **effective_fields(row),
        since=row["since"],
        **bound_fields("since", row["since"]),
        certainty=certainty,
        alternatives=None if alternatives is None else serialize_alternatives(alternatives),
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


def serialize_alternatives(steps: Sequence[StepFields]) -> list[PossibleStance]:
    """Steps with their bases (`query.alternatives`), and `NO_STEP`, which has none."""
    return [
        PossibleStance(
            **{name: step[name] for name in NO_STEP},
            **bound_fields("effective", step["effective"]),
            basis=[] if step is NO_STEP else step["basis"],
            retracted_basis=[] if step is NO_STEP else serialize_retracted(step["retracted_basis"]),
        )
        for step in steps
    ]


def serialize_step_version(row: Row) -> VersionOfStep:
    """A version of a step, with its bounds on the known axis."""
    closed = row["close_seq"] < row["known_size"]
    return VersionOfStep(
        id=row["id"],
        actor=row["actor"],
        topic=row["topic"],
        **label_fields(row),
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
        opened=OpeningEvent(
            event=row["event"],
            type=row["event_type"],
            seq=row["open_seq"],
            by=row["by"],
            reason=row["reason"],
            recorded_at=row["recorded_at"],
            recorded_by=row["recorded_by"],
        ),
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
    announced = bounds(row["effective"]).earliest > row["recorded_at"]
    return {**bound_fields("effective", row["effective"]), "announced": announced}


def label_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """The names of actor and topic, which are slugs where there are none."""
    return {
        "actor_label": display_name(row["actor_names"] or (), row["actor"]),
        "topic_label": row["topic_label"] or row["topic"],
    }


def statement_fields(statement: Mapping[str, Any]) -> dict[str, Any]:
    """A statement's own fields, with the bounds of its dates beside them."""
    evidence = [
        {**source, **bound_fields("published", source["published_at"])}
        if "published_at" in source
        else source
        for source in statement["evidence"]
    ]
    return {**bound_fields("said", statement["said_at"]), **statement, "evidence": evidence}


def serialize_previous(row: Row) -> Previous | None:
    if row["before_id"] is None:
        return None
    since = row["before_since"]
    return Previous(
        id=row["before_id"],
        stance=row["before_stance"],
        since=since,
        **bound_fields("since", since),
    )


def _version(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _VERSION}


_VERSION: Final = tuple(field.name for field in fields(Version))


def _closed(row: Row) -> ClosingEvent:
    return ClosingEvent(
        event=row["close_event"],
        type=row["close_type"],
        seq=row["close_seq"],
        by=row["close_by"],
        reason=row["close_reason"],
        recorded_at=row["closed_at"],
        recorded_by=row["closed_by"],
    )
