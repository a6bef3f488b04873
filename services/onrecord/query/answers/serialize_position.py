"""Serialization of positions: the answer about one, those of lists, and changes.

Pure functions from the row of `projections.queries.POSITION`: the position, how certain it is
where dates are inexact, and a sentence to cite.
"""

from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import quote_plus

from onrecord.domain.certainty import (
    CertaintyName,
    StepFields,
    certainty_at,
    certainty_of_change,
)
from onrecord.domain.dates import bound_fields
from onrecord.domain.names import display_name
from onrecord.kit.sql.db import Row
from onrecord.query.answers.evidence_strength import evidence_strength
from onrecord.query.answers.position_schemas import PositionOut
from onrecord.query.answers.schemas import Known
from onrecord.query.answers.sentences import citation, position_sentence
from onrecord.query.answers.serialize import (
    effective_fields,
    serialize_alternatives,
    serialize_previous,
    serialize_retracted,
    serialize_step,
    statement_fields,
)
from onrecord.query.answers.statement_schemas import StatementOfBasis
from onrecord.query.answers.step_schemas import ListedPosition, Step


def serialize_position(
    row: Row, *, topic: str, as_of: str, instant: datetime, known: Known, public_url: str
) -> PositionOut:
    """The whole answer about one position; `row["id"]` is None where none had begun by the order
    of dates.
    """
    actor = row["actor"]
    path = f"{public_url}/v1/actors/{actor}/topics/{topic}/position"
    permalink = f"{path}?as_of={quote_plus(as_of)}&known_size={row['known_size']}"
    certainty, alternatives = _certainty(row, instant)
    who, what = cited_names(row, topic)
    sentence = position_sentence(
        row,
        alternatives,
        who=who,
        what=what,
        as_of=as_of,
        ahead=instant > datetime.now(UTC) + timedelta(seconds=1),
    )
    return PositionOut(
        id=row["id"],
        actor=actor,
        actor_label=who,
        topic=topic,
        topic_label=what,
        as_of=as_of,
        known=known,
        on_record=row["id"] is not None or bool(alternatives),
        stance=row["stance"],
        condition=row["condition"],
        summary=row["summary"],
        effective=row["effective"],
        **effective_fields(row),
        since=row["since"],
        **bound_fields("since", row["since"]),
        certainty=certainty,
        alternatives=serialize_alternatives(alternatives),
        kind=row["kind"],
        change_size=row["change_size"],
        previous=serialize_previous(row),
        basis=row["basis"] or [],
        retracted_basis=serialize_retracted(row["retracted_basis"]),
        # documents of that shape: models would be made only to be written as JSON at once
        statements=cast(list[StatementOfBasis], list(map(statement_fields, row["statements"]))),
        evidence=evidence_strength(row["statements"], instant),
        revision=row["revision"],
        revision_of=actor,
        coder=row["coder"],
        recorded_by=row["recorded_by"],
        recorded_at=row["recorded_at"],
        permalink=permalink,
        cite=citation(
            sentence, size=row["known_size"], known_at=row["known_at"], permalink=permalink
        ),
    )


def cited_facts(row: Row, topic: str) -> tuple[str, str, str]:
    """What the answer's sentence has and its other members have not."""
    return *cited_names(row, topic), str(row["may_be_interrupted"])


def cited_names(row: Row, topic: str) -> tuple[str, str]:
    """The names of actor and topic that the answer's sentence has."""
    return display_name(row["actor_names"] or [], row["actor"]), row["topic_label"] or topic


def serialize_listed_position(row: Row, instant: datetime) -> ListedPosition:
    """A position in a list, as of an instant; it is a step or, with a null id, only possible."""
    certainty, alternatives = _certainty({**row, "id": row["id"] and str(row["id"])}, instant)
    step = vars(serialize_step(row, certainty=certainty, alternatives=alternatives))
    return ListedPosition(**{**step, "basis": row["basis"] or []})


def serialize_change(row: Row) -> Step:
    """A step of a timeline, definite if what it changed from is; `query.alternatives` adds to its
    row what else that may be.
    """
    certainty = change_certainty(row)
    return serialize_step(row, certainty=certainty, alternatives=row.get("alternatives", ()))


def change_certainty(row: Row) -> CertaintyName:
    """The certainty of a step of a timeline."""
    return certainty_of_change(
        row["effective"],
        row["candidates"],
        overlaps=row["overlaps"],
        follows_on_same_date=row["follows_on_same_date"],
    )


def _certainty(row: Row, instant: datetime) -> tuple[CertaintyName, list[StepFields]]:
    """The certainty of what was held at an instant, and what else may have been."""
    certainty, steps = certainty_at(row["candidates"], instant)
    return certainty, [step for step in steps if step["id"] != row["id"]]
