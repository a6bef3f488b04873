"""The model of a statement: speakers, words, evidence.

Used by `events`, which wraps it in `statement.made` and `statement.corrected`. Fields marked
`Section(...)` can be erased, so they are optional here; `ingest/schemas.py` says which of them a
client must give.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from onrecord.domain.dates import DateText
from onrecord.domain.error_message import ErrorMessage
from onrecord.domain.fields import (
    ActorSlugs,
    LanguageTag,
    StatementIds,
    TopicSlugs,
    field_error,
    free_text,
    require_unique,
)
from onrecord.domain.ids import Code, Slug
from onrecord.domain.payload import FrozenModel, Ref, Section
from onrecord.domain.stances import Stance

LONG_TEXT = free_text(100_000)
SourceUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s/]\S*$", max_length=2_048),
    ErrorMessage("must begin with http:// or https:// and have no spaces; at most 2048 characters"),
]
Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    ErrorMessage("must be a SHA-256 digest: 64 hexadecimal digits, lower-case"),
]
Offset = Annotated[int, Field(strict=True, ge=0, lt=2**53)]


class Speaker(FrozenModel):
    """Who spoke, in what role, and for whom."""

    actor: Annotated[Slug, Ref("actor")]
    role: Annotated[str | None, free_text(500), Section("roles")] = None
    on_behalf_of: ActorSlugs = ()
    capacity: Literal["individual", "spokesperson", "joint"] = "individual"


class Original(FrozenModel):
    """The words in the language in which they were said."""

    text: Annotated[str | None, LONG_TEXT, Section("content")] = None
    lang: LanguageTag


class Content(FrozenModel):
    """The words on record."""

    text: Annotated[str | None, LONG_TEXT, Section("content")] = None
    lang: LanguageTag
    mode: Literal["verbatim", "mixed", "paraphrase", "translation"]
    original: Original | None = None


class Selector(FrozenModel):
    """Where in the source the words stand (W3C Web Annotation: TextQuote and TextPosition).

    `start` and `end` count Unicode code points of the source text as hashed, end exclusive.
    """

    exact: Annotated[str | None, LONG_TEXT] = None
    prefix: Annotated[str | None, free_text(1_000)] = None
    suffix: Annotated[str | None, free_text(1_000)] = None
    start: Offset | None = None
    end: Offset | None = None

    @model_validator(mode="after")
    def _validate_offsets(self) -> "Selector":
        if (self.start is None) != (self.end is None):
            raise field_error(
                "/start" if self.start is None else "/end", "start and end go together"
            )
        if self.start is not None and self.end is not None:
            span = self.end - self.start
            if span <= 0:
                raise field_error("/end", "end (exclusive) must be greater than start")
            if self.exact is not None and span != len(self.exact):
                message = f"start and end span {span} code points, exact has {len(self.exact)}"
                raise field_error("/end", message)
        return self


class ChainLink(FrozenModel):
    """One station of the report between the speakers and the source."""

    by: Annotated[str | None, free_text(500), Section("evidence")] = None
    relation: Literal["reported", "quoted", "characterised"]


class Evidence(FrozenModel):
    """A source of the statement, and the chain of reports through which it got there."""

    url: Annotated[SourceUrl | None, Section("evidence")] = None
    archive_url: Annotated[SourceUrl | None, Section("evidence")] = None
    reference: Annotated[str | None, free_text(2_000), Section("evidence")] = None
    sha256: Annotated[Sha256 | None, Section("evidence")] = None
    outlet: Annotated[str | None, free_text(500), Section("evidence")] = None
    title: Annotated[str | None, free_text(1_000), Section("evidence")] = None
    published_at: DateText | None = None
    selector: Annotated[Selector | None, Section("evidence")] = None
    chain: Annotated[tuple[ChainLink, ...], Field(max_length=16)] = ()


class CodedStance(FrozenModel):
    """The coder's reading of the statement on one topic."""

    topic: Annotated[Slug, Ref("topic")]
    stance: Stance


class Statement(FrozenModel):
    """One utterance as one source reports it: speakers, words, date and evidence."""

    speakers: Annotated[tuple[Speaker, ...], Field(min_length=1, max_length=64)]
    topics: TopicSlugs = ()
    addressees: ActorSlugs = ()
    venue: Annotated[str | None, free_text(500), Section("venue")] = None
    said_at: DateText
    said_at_basis: Literal["stated", "inferred", "published_bound"]
    content: Content
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1, max_length=64)]
    embedded_in: Annotated[UUID | None, Ref("statement")] = None
    same_utterance_as: StatementIds = ()
    stances: Annotated[tuple[CodedStance, ...], Field(max_length=64)] = ()
    coder: Code
    note: Annotated[str | None, free_text(10_000), Section("note")] = None

    @model_validator(mode="after")
    def _validate_lists(self) -> "Statement":
        require_unique("speakers", [speaker.actor for speaker in self.speakers])
        require_unique("topics", self.topics)
        require_unique("stances", [reading.topic for reading in self.stances])
        for n, reading in enumerate(self.stances):
            if reading.topic not in self.topics:
                raise field_error(f"/stances/{n}/topic", f"topics does not name {reading.topic!r}")
        return self
