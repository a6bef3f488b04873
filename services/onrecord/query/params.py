"""Query parameters of the read API, as models. Used by the routes of this package."""

import unicodedata
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from onrecord.domain.changes import ChangeKind
from onrecord.domain.dates import last_instant
from onrecord.domain.error_message import ErrorMessage
from onrecord.domain.finding_kinds import FindingKind
from onrecord.domain.quotes.compare import parts_of
from onrecord.domain.references import ActorRef, TopicRef
from onrecord.domain.stances import Stance
from onrecord.kit.lists.page import StreamFlag

MAX_SEARCH: Final = 500
SearchText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_SEARCH, pattern=r"^[^\x00]*$"),
    ErrorMessage("must be 1 to 500 characters, without NUL"),
]
Size = Annotated[int | None, Field(ge=0, lt=2**53)]


def _validate_moment(text: str | None) -> str | None:
    if text is not None:
        last_instant(text)
    return text


Moment = Annotated[
    str | None,
    AfterValidator(_validate_moment),
    WithJsonSchema({"type": "string", "examples": ["2022-11-30", "2022", "2022-12-01T12:00:00Z"]}),
]


class AtSize(BaseModel):
    """The state of the record that a read is about."""

    known_at: Moment = Field(
        None, description="As the record stood then; a date is its last instant."
    )
    known_size: Size = Field(None, description="As the record stood at this size: exact; wins.")
    min_size: Size = Field(None, description="Wait until the record read has reached this size.")


class AsOf(AtSize):
    as_of: Moment = Field(None, description="When it was so in the world; default now.")


class Paged(AtSize):
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, max_length=500)
    stream: StreamFlag = False


class PagedAsOf(Paged):
    as_of: Moment = Field(None, description="When it was so in the world; default now.")


def _require_short(typed: str) -> None:
    """One character may stand for 18 (U+FDFA), each of which may be a word to search for."""
    if len(unicodedata.normalize("NFKC", typed)) > MAX_SEARCH:
        raise PydanticCustomError("expands", "is too long once its ligatures are written out")


def validate_visible(typed: str) -> str:
    """A name, or a part of one, that has anything to compare."""
    _require_short(typed)
    if not any(unicodedata.category(char)[0] in "LNPS" for char in typed):
        raise PydanticCustomError("nothing", "type something to search for")
    return typed


def _validate_words(typed: str) -> str:
    _require_short(typed)
    if not any(unicodedata.category(char)[0] in "LN" for char in typed):
        raise PydanticCustomError("no_word", "type a word to search for")
    return typed


class RegistrySearch(Paged):
    q: Annotated[SearchText, AfterValidator(validate_visible)] | None = Field(
        None,
        description="Part of a name, however it is typed: case, accents and blanks do not count.",
    )


ActorFilter = Annotated[
    list[ActorRef],
    Field(
        max_length=50,
        description="Any of these, and who was merged into them: ids, or `wikidata:Q...`.",
    ),
]
TopicFilter = Annotated[
    list[TopicRef],
    Field(max_length=50, description="Any of these: ids, or `wikidata:Q...` of ids `Q...`."),
]


class StatementSearch(RegistrySearch):
    q: Annotated[SearchText, AfterValidator(_validate_words)] | None = Field(
        None,
        description=(
            "Current words, in any form that the statement's `lang` gives them: `all these words`,"
            ' `"a phrase"`, `either or other`, `-without`.'
        ),
    )
    actor: ActorFilter = []
    topic: TopicFilter = []
    outlet: SearchText | None = None
    said_from: Moment = None
    said_to: Moment = None


class ChangeSearch(Paged):
    by: Literal["known", "valid"] = Field(
        "known",
        description="Last recorded first (`known`), or last held first (`valid`): those that are "
        "announced for a date ahead come before all others.",
    )
    actor: ActorFilter = []
    topic: TopicFilter = []
    kind: list[ChangeKind] = Field([], max_length=7, description="Any of these kinds.")
    change_size: int | None = Field(None, ge=0, le=4, description="At least so far on the scale.")
    effective_from: Moment = Field(
        None, description="Effective then or later, as far as the date on record says."
    )
    effective_to: Moment = Field(
        None, description="Effective by then; at the latest on a day counts as on that day."
    )
    recorded_from: Moment = Field(
        None, description="When the position was first recorded, whenever it was corrected since."
    )
    recorded_to: Moment = None


class CorrectionSearch(Paged):
    actor: ActorFilter = []
    topic: TopicFilter = []


class GridSearch(PagedAsOf):
    actor: ActorFilter = []
    topic: TopicFilter = []
    stance: list[Stance] = Field([], max_length=7, description="Any of these stances.")
    certainty: Literal["definite", "possible"] | None = None


class ReviewSearch(Paged):
    kind: list[FindingKind] = Field([], max_length=3, description="Any of these kinds.")
    dismissed: bool = Field(
        False,
        description="What was left as it is, instead of what is to be looked at.",
        examples=[True],
    )


class NameParams(AtSize):
    kind: Literal["actor", "topic"]
    name: Annotated[SearchText, AfterValidator(validate_visible)] = Field(
        description="An id, a name in any language, a label or an identifier such as a Wikidata id,"
        " in full; case, accents and blanks do not count. `wikidata:Q...` is a Wikidata id only."
    )


MAX_QUOTE: Final = 5_000
MIN_QUOTE: Final = 3
MAX_PARTS: Final = 20
"""Of a quote, between ellipses. Each may take a look at every word of a statement."""


def _validate_quote(typed: str) -> str:
    folded = unicodedata.normalize("NFKC", typed)
    if len(folded) > MAX_QUOTE:
        raise PydanticCustomError("expands", "is too long once its ligatures are written out")
    if sum(unicodedata.category(char)[0] in "LN" for char in folded) < MIN_QUOTE:
        message = "a quote has at least three letters or digits; give some more of its words"
        raise PydanticCustomError("no_word", message)
    if len(parts_of(typed)) > MAX_PARTS:
        raise PydanticCustomError("parts", "a quote has at most 20 parts between ellipses")
    return typed


class QuoteParams(AtSize):
    text: Annotated[
        str,
        StringConstraints(min_length=1, max_length=MAX_QUOTE, pattern=r"^[^\x00]*$"),
        ErrorMessage("must be 1 to 5000 characters, without NUL"),
        AfterValidator(_validate_quote),
    ] = Field(description="The quote; `...`, `…` or `[...]` stands for words that it leaves out.")
    actor: ActorFilter = []
