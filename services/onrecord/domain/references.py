"""References of reads to actors and topics: an id, or `wikidata:` and a Wikidata id.

Used by the parameters of the read API, the audit API and imports. No id contains a colon, so
nothing else is looked up for an id. A topic has no identifiers besides its own id, so `wikidata:Q7`
is the topic `Q7`; which actors have a Wikidata id, `projections.identifiers` finds.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

from onrecord.domain.error_message import ErrorMessage
from onrecord.domain.ids import SLUG_PATTERN

WIKIDATA: Final = "wikidata:"
_QID: Final = "Q[1-9][0-9]{0,14}"
_IS_QID: Final = re.compile(_QID)
_REFERENCE: Final = StringConstraints(
    pattern=rf"{SLUG_PATTERN}|^{WIKIDATA}{_QID}$", max_length=len(WIKIDATA) + 80
)

ActorRef = Annotated[
    str,
    _REFERENCE,
    ErrorMessage("must be the id of an actor, as emmanuel-macron, or wikidata:Q3052772"),
]
"""An actor by its id, or by the Wikidata id that it is recorded with."""


def _topic_id(ref: str) -> str:
    return ref.removeprefix(WIKIDATA)


TopicRef = Annotated[
    str,
    _REFERENCE,
    ErrorMessage("must be the id of a topic, as talks-with-russia, or wikidata:Q3052772"),
    AfterValidator(_topic_id),
]
"""A topic by its id, which is what is left of `wikidata:Q7`."""


def qid_of(ref: str) -> str | None:
    """The Wikidata id in `wikidata:Q7`; None of anything else."""
    qid = ref.removeprefix(WIKIDATA)
    return qid if qid != ref and _IS_QID.fullmatch(qid) else None


def wikidata_references(id_: str, identifiers: Mapping[str, str]) -> Iterator[str]:
    """The references by Wikidata ids to an actor or topic with this id and these identifiers."""
    for qid in dict.fromkeys((id_, identifiers.get("wikidata", ""))):
        if _IS_QID.fullmatch(qid):
            yield f"{WIKIDATA}{qid}"
