"""How does a row become an answer?

Pure functions from rows of `projections.*_read` to what `schemas` says. Called by `routes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus

from onrecord.domain.changes import possible_steps
from onrecord.domain.dates import Bounds, bounds
from onrecord.query.evidence_strength import strength
from onrecord.query.schemas import (
    Actor,
    Held,
    Known,
    PositionOut,
    Previous,
    StatementOut,
    Step,
    Topic,
    Version,
    VersionOfStep,
)

Row = Mapping[str, Any]

WORDS: Final = {
    "support": "supported",
    "conditional_support": "conditionally supported",
    "neutral": "was neutral on",
    "conditional_oppose": "conditionally opposed",
    "oppose": "opposed",
    "mixed": "took a mixed position on",
    "no_position": "declared no position on",
}


def actor(row: Row) -> Actor:
    return Actor(
        id=row["id"],
        kind=row["kind"],
        names=row["names"],
        identifiers=row["identifiers"],
        merged_into=row["merged_into"],
        **_version(row),
    )


def topic(row: Row) -> Topic:
    return Topic(
        id=row["id"],
        label=row["label"],
        proposition=row["proposition"],
        broader=row["broader"],
        **_version(row),
    )


def statement(row: Row) -> dict[str, Any]:
    """A `StatementOut` with all that the statement says; a retracted one has the retraction."""
    retracted = row["close_seq"] < row["k"]
    corrected = row["open_seq"] > row["made_seq"]
    known = StatementOut(
        erased=row["erased"],
        id=row["id"],
        status="retracted" if retracted else "corrected" if corrected else "on_record",
        closed=_closed(row) if retracted else None,
        **_version(row),
    )
    return {**vars(known), **row["doc"]}


def step(row: Row) -> Step:
    """A step with its kind, which follows from the step before it."""
    return Step(
        id=row["id"],
        actor=row["actor"],
        recorded_as=row["recorded_as"],
        topic=row["topic"],
        stance=row["stance"],
        condition=row["condition"],
        summary=row["summary"],
        effective=row["effective"],
        since=row["since"],
        order=row["ord"],
        kind=row["kind"],
        change_size=row["change_size"],
        late=row["late"],
        previous=_previous(row),
        basis=row["basis"],
        coder=row["coder"],
        seq=row["made_seq"],
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
    )


def version_of_step(row: Row) -> VersionOfStep:
    """A version with its ends on the known axis."""
    closed = row["close_seq"] < row["k"]
    return VersionOfStep(
        id=row["id"],
        actor=row["actor"],
        stance=row["stance"],
        condition=row["condition"],
        summary=row["summary"],
        effective=row["effective"],
        order=row["ord"],
        basis=row["basis"],
        coder=row["coder"],
        known_from_size=row["open_seq"] + 1,
        known_until_size=row["close_seq"] if closed else None,
        opened={
            "event": row["event"],
            "type": row["event_type"],
            "by": row["by"],
            "reason": row["reason"],
            "recorded_at": row["recorded_at"],
            "recorded_by": row["recorded_by"],
        },
        closed=_closed(row) if closed else None,
    )


def position(row: Row, *, topic: str, as_of: str, instant: datetime, known: Known) -> PositionOut:
    """The whole answer about one position; `row["id"]` is None where nothing is on record."""
    actor = row["root"]
    path = f"/v1/actors/{actor}/topics/{topic}/position"
    permalink = f"{path}?as_of={quote_plus(as_of)}&known_size={row['k']}"
    certainty, alternatives = _certainty(row, instant)
    return PositionOut(
        id=row["id"],
        actor=actor,
        topic=topic,
        as_of=as_of,
        known=known,
        on_record=row["id"] is not None,
        stance=row["stance"],
        condition=row["condition"],
        summary=row["summary"],
        effective=row["effective"],
        since=row["since"],
        certainty=certainty,
        alternatives=alternatives,
        kind=row["kind"],
        change_size=row["change_size"],
        previous=_previous(row),
        basis=row["basis"] or [],
        statements=row["statements"],
        evidence=strength(row["statements"], instant),
        revision=row["revision"],
        coder=row["coder"],
        recorded_by=row["recorded_by"],
        recorded_at=row["recorded_at"],
        permalink=permalink,
        cite=_cite(row, actor, topic, as_of, permalink),
    )


def _previous(row: Row) -> Previous | None:
    if row["before_id"] is None:
        return None
    return Previous(id=row["before_id"], stance=row["before_stance"], since=row["before_since"])


class _Near(NamedTuple):
    """A step that may have been held, and what `positions_read.HELD` tells of it."""

    said: Row
    dates: Bounds
    order: int
    seq: int


def _certainty(row: Row, instant: datetime) -> tuple[Any, list[Held]]:
    """DESIGN section 5: definite iff all that may hold agree in stance and condition."""
    dated = [(one, bounds(one["effective"])) for one in row["near"]]
    if _agree(row["near"]) and any(dates.latest <= instant for _, dates in dated):
        return "definite", []  # whichever it was, which takes longer to work out
    near = [_Near(one, dates, one["order"], one["seq"]) for one, dates in dated]
    found, surely_some = possible_steps(near, instant)
    may = [one.said for one in sorted(found, key=lambda one: (one.dates.sorts_at, *one[2:]))]
    if not surely_some and may:
        may.insert(0, _NOTHING)
    if _agree(may):
        return "definite", []
    return "possible", [
        Held(**{name: one[name] for name in _NOTHING}) for one in may if one["id"] != row["id"]
    ]


def _agree(steps: Sequence[Row]) -> bool:
    return len({(one["stance"], one["condition"]) for one in steps}) <= 1


_NOTHING: Final = {"id": None, "stance": None, "condition": None, "effective": None}


def _cite(row: Row, actor: str, topic: str, as_of: str, permalink: str) -> str:
    names = row["actor_names"] or []
    who = next((one["name"] for one in names if one["lang"] == "en"), None)
    who = who or (names[0]["name"] if names else actor)
    what = f"“{row['topic_label'] or topic}”"
    if row["id"] is None:
        said = f"Nothing is on record of {who} on {what} as of {as_of}"
    else:
        said = f"As of {as_of}, {who} {WORDS[row['stance']]} {what}, effective {row['effective']}"
    known_at = row["known_at"].date().isoformat() if row["known_at"] else "its beginning"
    return f"{said} (onrecord at size {row['k']}, {known_at}; {permalink})."


def _version(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _VERSION}


_VERSION: Final = tuple(field.name for field in fields(Version))


def _closed(row: Row) -> dict[str, Any]:
    return {
        "event": row["close_event"],
        "type": row["close_type"],
        "by": row["close_by"],
        "reason": row["close_reason"],
    }
