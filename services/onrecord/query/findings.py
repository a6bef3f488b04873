"""Findings of `GET /v1/review`: their messages, and the addresses that resolve them.

Used by `change_routes`, with rows of `projections.review`.
"""

from collections.abc import Mapping
from typing import Any, Final

from onrecord.projections.review import FindingKind
from onrecord.query.names import actor_name
from onrecord.query.schemas import Review

_MESSAGES: Final[dict[FindingKind, str]] = {
    "contradiction": "{actor} on {topic}: the statement was read as {statement_stance}, and the"
    " position held then is {position_stance}. Correct the reading or the position, or record the"
    " change that is missing.",
    "unsupported": "{actor} on {topic}: no statement is left on which the position can rest. Each"
    " was retracted, or is somebody else's account. Correct its basis, or retract it.",
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


def _words(row: Mapping[str, Any]) -> dict[str, str]:
    """What a message names, for people: names and labels, where there are any, not slugs."""
    if row["actor"] is None:
        return {}
    return {
        "actor": actor_name(row["actor_names"], row["actor"]),
        "topic": f"“{row['topic_label'] or row['topic']}”",
        "statement_stance": (row["statement_stance"] or "").replace("_", " "),
        "position_stance": (row["position_stance"] or "").replace("_", " "),
    }


def serialize_finding(kind: FindingKind, row: Mapping[str, Any]) -> Review:
    """A finding of this kind from its row."""
    subjects = {name: row[name] for name in ("statement", "position", "actor", "topic", "other")}
    return Review(
        kind=kind,
        message=_MESSAGES[kind].format(**_words(row)),
        **subjects,
        said=row["statement_stance"],
        held=row["position_stance"],
        seq=row["made_seq"],
        resolve=[address.format(**row) for address in _RESOLVE[kind]],
    )
