"""Strength of the evidence for a position. Used by `serialize_position`.

Counts over the statements of its basis that are on record at the size of the read.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from onrecord.domain.dates import bound_fields, bounds
from onrecord.query.answers.position_schemas import Strength

Document = Mapping[str, Any]


def evidence_strength(statements: Sequence[Document], as_of: datetime) -> Strength:
    """Count the statements by how they reached the record.

    An account embedded in another statement counts as embedded and nothing else. Of the others, a
    statement with evidence that came through no hands is first-hand; the rest is reported.
    """
    own = [statement for statement in statements if not statement.get("embedded_in")]
    first_hand = [
        statement for statement in own if any(not e.get("chain") for e in statement["evidence"])
    ]
    outlets = {e["outlet"] for statement in own for e in statement["evidence"] if e.get("outlet")}
    dates = [
        statement["said_at"] for statement in own if bounds(statement["said_at"]).earliest <= as_of
    ]
    # Of a month and a day in it, the day: the month's may have been said before.
    last_confirmed = max(dates, key=lambda date: bounds(date)[:2], default=None)
    return Strength(
        utterances=count_utterances(own),
        first_hand=len(first_hand),
        reported=len(own) - len(first_hand),
        embedded=len(statements) - len(own),
        outlets=len(outlets),
        last_confirmed=last_confirmed,
        **bound_fields("last_confirmed", last_confirmed),
    )


def count_utterances(statements: Sequence[Document]) -> int:
    """Count the groups that statements form where `same_utterance_as` of either joins two."""
    groups: list[set[str]] = []
    for statement in statements:
        group = {str(statement["id"]), *statement.get("same_utterance_as", ())}
        joined = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group]
        groups.append(group.union(*joined))
    return len(groups)
