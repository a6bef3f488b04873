"""What is a statement made of: speakers, words, evidence? And what is a position made of?

Called by `events`, which wraps these in what happened. Leaves marked `Section(...)` may be erased one
day, so here they may be missing; what a *writer* must give is said by `ingest/schemas.py`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from onrecord.domain.dates import DateText
from onrecord.domain.ids import Code, Slug
from onrecord.domain.payload import FrozenModel, Ref, Section
from onrecord.domain.stances import CONDITIONAL, Stance


def text(limit: int) -> StringConstraints:
    """Free text of at most `limit` code points that says something."""
    return StringConstraints(min_length=1, max_length=limit, pattern=r"\S")


LONG_TEXT = text(100_000)
Lang = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$", max_length=35)
]
"""A BCP 47 language tag."""
SourceUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]\S*$", max_length=2_048)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Actors = Annotated[tuple[Slug, ...], Ref("actor"), Field(max_length=64)]
Topics = Annotated[tuple[Slug, ...], Ref("topic"), Field(max_length=64)]
Statements = Annotated[tuple[UUID, ...], Ref("statement"), Field(max_length=64)]
Offset = Annotated[int, Field(strict=True, ge=0, lt=2**53)]


class Speaker(FrozenModel):
    """Who spoke, in what role, and for whom."""

    actor: Annotated[Slug, Ref("actor")]
    role: Annotated[str | None, text(500), Section("roles")] = None
    on_behalf_of: Actors = ()
    capacity: Literal["individual", "spokesperson", "joint"] = "individual"


class Original(FrozenModel):
    """The words in the language in which they were said."""

    text: Annotated[str | None, LONG_TEXT, Section("content")] = None
    lang: Lang


class Content(FrozenModel):
    """The words on record."""

    text: Annotated[str | None, LONG_TEXT, Section("content")] = None
    lang: Lang
    mode: Literal["verbatim", "mixed", "paraphrase", "translation"]
    original: Original | None = None


class Selector(FrozenModel):
    """Where in the source the words stand (W3C Web Annotation: TextQuote and TextPosition).

    `start` and `end` count Unicode code points of the source text as hashed, end exclusive.
    """

    exact: Annotated[str | None, LONG_TEXT] = None
    prefix: Annotated[str | None, text(1_000)] = None
    suffix: Annotated[str | None, text(1_000)] = None
    start: Offset | None = None
    end: Offset | None = None

    @model_validator(mode="after")
    def _spans_fit(self) -> "Selector":
        if (self.start is None) != (self.end is None):
            raise fault("/start" if self.start is None else "/end", "start and end go together")
        if self.start is not None and self.end is not None:
            span = self.end - self.start
            if span <= 0:
                raise fault("/end", "end (exclusive) must be greater than start")
            if self.exact is not None and span != len(self.exact):
                told = f"start and end span {span} code points, exact has {len(self.exact)}"
                raise fault("/end", told)
        return self


class ChainLink(FrozenModel):
    """One hand through which the report went."""

    by: Annotated[str | None, text(500), Section("evidence")] = None
    relation: Literal["reported", "quoted", "characterised"]


class Evidence(FrozenModel):
    """Where the statement can be looked up, and through whose hands it came to us."""

    url: Annotated[SourceUrl | None, Section("evidence")] = None
    archive_url: Annotated[SourceUrl | None, Section("evidence")] = None
    reference: Annotated[str | None, text(2_000), Section("evidence")] = None
    sha256: Annotated[Sha256 | None, Section("evidence")] = None
    outlet: Annotated[str | None, text(500), Section("evidence")] = None
    title: Annotated[str | None, text(1_000), Section("evidence")] = None
    published_at: DateText | None = None
    selector: Annotated[Selector | None, Section("evidence")] = None
    chain: Annotated[tuple[ChainLink, ...], Field(max_length=16)] = ()


class CodedStance(FrozenModel):
    """The coder's reading of the statement on one topic."""

    topic: Annotated[Slug, Ref("topic")]
    stance: Stance


class Statement(FrozenModel):
    """One utterance as one source has it: who, what words, when, on what evidence."""

    speakers: Annotated[tuple[Speaker, ...], Field(min_length=1, max_length=64)]
    topics: Topics = ()
    addressees: Actors = ()
    venue: Annotated[str | None, text(500), Section("venue")] = None
    said_at: DateText
    said_at_basis: Literal["stated", "inferred", "published_bound"]
    content: Content
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1, max_length=64)]
    embedded_in: Annotated[UUID | None, Ref("statement")] = None
    same_utterance_as: Statements = ()
    stances: Annotated[tuple[CodedStance, ...], Field(max_length=64)] = ()
    coder: Code
    note: Annotated[str | None, text(10_000), Section("note")] = None

    @model_validator(mode="after")
    def _hangs_together(self) -> "Statement":
        once("speakers", [speaker.actor for speaker in self.speakers])
        once("topics", self.topics)
        once("stances", [reading.topic for reading in self.stances])
        for n, reading in enumerate(self.stances):
            if reading.topic not in self.topics:
                raise fault(f"/stances/{n}/topic", f"topics does not name {reading.topic!r}")
        return self


class Position(FrozenModel):
    """From `effective` on, `actor` held `stance` on `topic`: an assertion with evidence."""

    actor: Annotated[Slug, Ref("actor")]
    topic: Annotated[Slug, Ref("topic")]
    stance: Stance
    condition: Annotated[str | None, text(2_000), Section("condition")] = None
    summary: Annotated[str | None, text(2_000), Section("summary")] = None
    effective: DateText
    order: Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)] = 0
    basis: Annotated[tuple[UUID, ...], Ref("statement"), Field(max_length=64)] = ()
    coder: Code
    rationale: Annotated[str | None, text(10_000), Section("rationale")] = None

    @model_validator(mode="after")
    def _condition_fits(self) -> "Position":
        once("basis", self.basis)
        if self.condition is not None and self.stance not in CONDITIONAL:
            told = f"a condition goes with a conditional stance, not with {self.stance}"
            raise fault("/condition", told)
        return self


def once(field: str, values: Sequence[object]) -> None:
    """Refuse a list that names one thing twice, at the second place."""
    for n, value in enumerate(values[1:], 1):
        if value in values[:n]:
            raise fault(f"/{field}/{n}", f"{value!s} stands there twice")


def fault(at: str, told: str) -> PydanticCustomError:
    """A fault that several fields have together, told at the pointer of the one to mend."""
    return PydanticCustomError("fault", "{told}", {"at": at, "told": told})
