"""Serialization of positions: the answer about one, those of lists, and changes.

Pure functions from the row of `projections.queries.POSITION`: the position, how certain it is
where dates are inexact, and a sentence to cite.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus

from onrecord.domain.changes import possible_steps
from onrecord.domain.dates import Bounds, bound_fields, bounds
from onrecord.domain.names import display_name
from onrecord.kit.sql.db import Row
from onrecord.query.answers.evidence_strength import evidence_strength
from onrecord.query.answers.position_schemas import (
    PositionOut,
    PossibleStance,
)
from onrecord.query.answers.schemas import Known
from onrecord.query.answers.sentences import citation, position_sentence
from onrecord.query.answers.serialize import (
    effective_fields,
    serialize_previous,
    serialize_retracted,
    serialize_step,
    statement_fields,
)
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
        list(map(vars, alternatives)),
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
        alternatives=alternatives,
        kind=row["kind"],
        change_size=row["change_size"],
        previous=serialize_previous(row),
        basis=row["basis"] or [],
        retracted_basis=serialize_retracted(row["retracted_basis"]),
        statements=list(map(statement_fields, row["statements"])),
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


def cited_names(row: Row, topic: str) -> tuple[str, str]:
    """The names of actor and topic that the answer's sentence has."""
    return display_name(row["actor_names"] or [], row["actor"]), row["topic_label"] or topic


def serialize_listed_position(row: Row, instant: datetime) -> ListedPosition:
    """A position in a list, as of an instant; it is a step or, with a null id, only possible."""
    certainty, alternatives = _certainty({**row, "id": row["id"] and str(row["id"])}, instant)
    step = vars(serialize_step(row, certainty=certainty))
    return ListedPosition(**{**step, "basis": row["basis"] or []}, alternatives=alternatives)


def serialize_change(row: Row) -> Step:
    """A step of a timeline, definite if what it changed from is."""
    return serialize_step(row, certainty=_certainty_of_change(row))


class _PossibleStep(NamedTuple):
    """A step that may have been in force, from the column `candidates` of `queries.POSITION`."""

    step: Mapping[str, Any]
    dates: Bounds
    order: int
    seq: int


def _certainty_of_change(row: Row) -> Any:
    if row["overlaps"]:
        return "possible"
    if row["follows_on_same_date"] or not row["candidates"]:
        return "definite"
    just_before = bounds(row["effective"]).earliest - timedelta(microseconds=1)
    return _certainty({"id": None, "candidates": row["candidates"]}, just_before)[0]


_NO_STEP: Final = {"id": None, "stance": None, "condition": None, "effective": None}


def _certainty(row: Row, instant: datetime) -> tuple[Any, list[PossibleStance]]:
    """Definite if and only if all possible steps agree in stance and condition."""
    dated = [(step, bounds(step["effective"])) for step in row["candidates"]]
    if _agree(row["candidates"]) and any(dates.latest <= instant for _, dates in dated):
        return "definite", []  # whichever step it was: that would take longer to find out
    candidates = [_PossibleStep(step, dates, step["order"], step["seq"]) for step, dates in dated]
    possible, surely_some = possible_steps(candidates, instant)
    possible = sorted(possible, key=lambda step: (step.dates.sorts_at, step.order, step.seq))
    steps = [candidate.step for candidate in possible]
    if not surely_some and steps:
        steps.insert(0, _NO_STEP)
    if _agree(steps):
        return "definite", []
    return "possible", [
        PossibleStance(
            **{name: step[name] for name in _NO_STEP},
            **bound_fields("effective", step["effective"]),
        )
        for step in steps
        if step["id"] != row["id"]
    ]


def _agree(steps: Sequence[Mapping[str, Any]]) -> bool:
    return len({(step["stance"], step["condition"]) for step in steps}) <= 1
