"""Findings of `GET /v1/review`: their messages, and the addresses that resolve them.

Used by `change_routes`, with rows of `projections.review`.
"""

from collections.abc import Mapping
from typing import Any, Final

from onrecord.projections.review import FindingKind
from onrecord.query.schemas import Review
from onrecord.query.sentences import STANCE_NOUNS

_MESSAGES: Final[dict[FindingKind, str]] = {
    "contradiction": "A statement of {actor} on {topic} was read as {said}, and no position that"
    " may have been held then is on that side: the last one by then is {held}. Correct the reading"
    " or the position, or record the change that is missing.",
    "unsupported": "No statement is left on which the position of {actor} on {topic} can rest:"
    " each was retracted, or is somebody else's account. Correct its basis, or retract it.",
    "same_words": "An earlier statement has the same address and the very same words."
    " Retract one of them, or correct one to name the other in same_utterance_as.",
}

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


def serialize_finding(kind: FindingKind, row: Mapping[str, Any]) -> Review:
    """A finding of this kind from its row."""
    subjects = {name: row[name] for name in ("statement", "position", "actor", "topic", "other")}
    return Review(
        kind=kind,
        message=_MESSAGES[kind].format(
            **row,
            said=STANCE_NOUNS[row["statement_stance"]],
            held=STANCE_NOUNS[row["position_stance"]],
        ),
        **subjects,
        said=row["statement_stance"],
        held=row["position_stance"],
        seq=row["made_seq"],
        resolve=[address.format(**row) for address in _RESOLVE[kind]],
    )
