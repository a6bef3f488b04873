"""How strong is the evidence on which a position rests?

Counts over the statements of its basis that stand at the size of the read. Called by `shape`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from onrecord.domain.dates import bounds
from onrecord.query.schemas import Strength

Document = Mapping[str, Any]


def strength(statements: Sequence[Document], as_of: datetime) -> Strength:
    """An account embedded in another statement counts as such and nothing else; of the others,
    what came through no hands is first-hand, the rest is reported.
    """
    own = [one for one in statements if not one.get("embedded_in")]
    first = [one for one in own if any(not piece.get("chain") for piece in one["evidence"])]
    outlets = {piece["outlet"] for one in own for piece in one["evidence"] if piece.get("outlet")}
    dates = [one["said_at"] for one in own if bounds(one["said_at"]).earliest <= as_of]
    dates.sort(key=lambda date: bounds(date).latest)
    return Strength(
        utterances=utterances(own),
        first_hand=len(first),
        reported=len(own) - len(first),
        embedded=len(statements) - len(own),
        outlets=len(outlets),
        last_confirmed=dates[-1] if dates else None,
    )


def utterances(statements: Sequence[Document]) -> int:
    """How many groups they form, where `same_utterance_as` joins two, whichever says it."""
    groups: list[set[str]] = []
    for one in statements:
        group = {str(one["id"]), *one.get("same_utterance_as", ())}
        joined = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group]
        groups.append(group.union(*joined))
    return len(groups)
