"""How is a finding of the review told, and what resolves it?

Called by `change_routes`, with rows of `projections.review`.
"""

from collections.abc import Mapping
from typing import Any, Final

from onrecord.projections.review import FindingKind
from onrecord.query.schemas import Review

_TOLD: Final[dict[FindingKind, str]] = {
    "contradiction": "{actor} was read as {statement_stance} on {topic}, and the position held then"
    " is {position_stance}. Correct the reading or the position, or record the change that is"
    " missing.",
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


def finding(kind: FindingKind, row: Mapping[str, Any]) -> Review:
    """A row as an answer."""
    shown = {name: row[name] for name in ("statement", "position", "actor", "topic", "other")}
    return Review(
        kind=kind,
        told=_TOLD[kind].format(**row),
        **shown,
        said=row["statement_stance"],
        held=row["position_stance"],
        seq=row["made_seq"],
        resolve=[one.format(**row) for one in _RESOLVE[kind]],
    )
