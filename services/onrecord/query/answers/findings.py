"""Findings of `GET /v1/review`: how certain they are, and the addresses that resolve them.

Used by `review_pages` and `change_routes`, with rows of `projections.review`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from onrecord.domain.contradictions import find_contradiction
from onrecord.domain.dates import Bounds, bounds
from onrecord.domain.finding_kinds import FindingKind
from onrecord.domain.stances import Stance
from onrecord.kit.sql.db import Row
from onrecord.query.answers.schemas import Dismiss, Dismissal, Review
from onrecord.query.answers.sentences import STANCE_NOUNS
from onrecord.query.answers.serialize import label_fields

_MESSAGES: Final[dict[FindingKind, str]] = {
    "contradiction": "{actor} on {topic}: the statement was read as {statement_stance}, and the"
    " position held then is {position_stance}. Correct the reading or the position, or record the"
    " change that is missing.",
    "unsupported": "{actor} on {topic}: no statement is left on which the position can rest. Each"
    " was retracted, or is somebody else's account. Correct its basis, or retract it.",
    "same_words": "An earlier statement has the same address and the very same words."
    " Retract one of them, or correct one to name the other in same_utterance_as.",
}

_POSSIBLE_CONTRADICTION: Final = (
    "{actor} on {topic}: the statement was read as {statement_stance}, and the position held then"
    " may have been {position_stance}: the dates on record leave it open. Correct a date, the"
    " reading or the position, or record the change that is missing."
)

_STATEMENT: Final = (
    "/v1/statements/{statement}/corrections",
    "/v1/statements/{statement}/retraction",
)
_POSITION: Final = ("/v1/positions/{position}/corrections", "/v1/positions/{position}/retraction")
_RESOLVE: Final[dict[FindingKind, tuple[str, ...]]] = {
    "contradiction": (*_STATEMENT, *_POSITION, "/v1/positions"),
    "unsupported": _POSITION,
    "same_words": _STATEMENT,
}


def findings_of(
    kind: FindingKind, rows: Sequence[Row], *, dismissed: bool = False
) -> list[Mapping[str, Any]]:
    """The rows that are findings, each with its `position`, `position_stance`, `certainty` and
    `dismissal`. `dismissed`: those that have one, instead of those that have none.
    """
    findings: list[Mapping[str, Any]] = [row for row in rows if row["statement"] is not None]
    if kind == "contradiction":
        findings = [finding for row in findings if (finding := _contradiction(row)) is not None]
    else:
        findings = [{**row, "certainty": "definite"} for row in findings]
    findings = [{**finding, "dismissal": _dismissal(finding)} for finding in findings]
    findings = [finding for finding in findings if (finding["dismissal"] is not None) == dismissed]
    if kind == "same_words":  # of a statement that repeats several, one
        first = {finding["statement"]: finding for finding in reversed(findings)}
        findings = [finding for finding in findings if first[finding["statement"]] is finding]
    return findings


def _dismissal(finding: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The last dismissal of the finding itself, among those that may be of it."""
    dismissals: Sequence[Mapping[str, Any]] = finding["dismissals"] or ()
    return next((row for row in dismissals if _identity(row) == _identity(finding)), None)


def _identity(row: Mapping[str, Any]) -> tuple[str, str, list[str]]:
    return row["certainty"], str(row["position"]), [str(id_) for id_ in row["statements"]]


class _Step(NamedTuple):
    """A step from the column `steps` of `contradictions.sql`."""

    id: UUID
    stance: Stance
    dates: Bounds
    order: int
    seq: int


def _contradiction(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    timeline = [
        _Step(step["id"], step["stance"], bounds(step["effective"]), step["order"], step["seq"])
        for step in row["steps"]
    ]
    contradiction = find_contradiction(row["statement_stance"], bounds(row["said_at"]), timeline)
    if contradiction is None:
        return None
    position, definite = contradiction
    return {
        **row,
        "position": position.id,
        "position_stance": position.stance,
        "certainty": "definite" if definite else "possible",
    }


def _labels(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["actor"] is None:
        return {"actor_label": None, "topic_label": None}
    return label_fields(row)


def _words(row: Mapping[str, Any]) -> dict[str, str]:
    """What a message names, for people: names and labels, where there are any, not slugs."""
    if row["actor"] is None:
        return {}
    labels = label_fields(row)
    return {
        "actor": labels["actor_label"],
        "topic": f"“{labels['topic_label']}”",
        "statement_stance": STANCE_NOUNS[row["statement_stance"]],
        "position_stance": STANCE_NOUNS[row["position_stance"]],
    }


def serialize_finding(kind: FindingKind, row: Mapping[str, Any]) -> Review:
    """A finding of this kind from its row."""
    subjects = {name: row[name] for name in ("statement", "position", "actor", "topic", "other")}
    message = _MESSAGES[kind] if row["certainty"] == "definite" else _POSSIBLE_CONTRADICTION
    return Review(
        kind=kind,
        certainty=row["certainty"],
        message=message.format(**_words(row)),
        **subjects,
        **_labels(row),
        said=row["statement_stance"],
        held=row["position_stance"],
        seq=row["made_seq"],
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
        resolve=[address.format(**row) for address in _RESOLVE[kind]],
        dismiss=Dismiss(
            kind=kind,
            certainty=row["certainty"],
            statements=row["statements"],
            position=row["position"],
        ),
        dismissal=_serialize_dismissal(row["dismissal"]),
    )


def _serialize_dismissal(row: Mapping[str, Any] | None) -> Dismissal | None:
    if row is None:
        return None
    return Dismissal(
        event=row["event"],
        seq=row["open_seq"],
        reason=row["reason"],
        reason_erased=row["erased"],
        recorded_at=datetime.fromisoformat(row["recorded_at"]),
        recorded_by=row["recorded_by"],
    )
