"""Request and response models of the write API. Used by `routes`, `batch` and `write_requests`.

The event classes of `domain` say what an event may hold, and allow for words that were erased
since. The models here say what must be there when an event is first recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, WithJsonSchema, model_validator

from onrecord.domain.event import AmendedBy
from onrecord.domain.events import (
    ActorIdentifiers,
    ActorKind,
    ActorNames,
    ActorRegistered,
    FindingDismissed,
    PositionChanged,
    StatementMade,
    TopicRegistered,
)
from onrecord.domain.fields import field_error, free_text, require_unique
from onrecord.domain.ids import Code, Slug
from onrecord.domain.payload import FrozenModel, Ref, Section
from onrecord.domain.position import Position
from onrecord.domain.statement import LONG_TEXT, ChainLink, Content, Evidence, Original, Statement
from onrecord.kit.http.problem_schema import SCHEMA_REFERENCE

Id = Annotated[
    UUID | None,
    Field(
        description="A UUID of your choice: the same write under the same id is recorded once. "
        "Without it, or an Idempotency-Key header, every request is a new one."
    ),
]


class OriginalIn(Original):
    text: Annotated[str, LONG_TEXT, Section("content")]


class ContentIn(Content):
    text: Annotated[str, LONG_TEXT, Section("content")]
    original: OriginalIn | None = None


class LinkIn(ChainLink):
    by: Annotated[str, free_text(500), Section("evidence")]


class EvidenceIn(Evidence):
    chain: Annotated[tuple[LinkIn, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "EvidenceIn":
        if not (self.url or self.archive_url or self.reference or self.sha256):
            raise ValueError("give at least one of url, archive_url, reference, sha256")
        return self


class ActorIn(ActorRegistered):
    """An actor, under the id that you choose for it."""


class TopicIn(TopicRegistered):
    """A topic: `proposition` is the neutral sentence that a stance is about."""

    label: Annotated[str, free_text(500), Section("labels")]
    proposition: Annotated[str, free_text(2_000), Section("labels")]


class ActorRevisionIn(FrozenModel):
    """The whole new state of an actor; names left out are names no longer."""

    id: Id = None
    kind: ActorKind
    names: ActorNames = ()
    identifiers: ActorIdentifiers = None


class MergeIn(FrozenModel):
    """Two records of one actor: from here on, reads of this one mean `into`."""

    id: Id = None
    into: Slug
    reason: Annotated[str, free_text(2_000)]


class UnmergeIn(FrozenModel):
    """Why the merge was wrong, or is over."""

    id: Id = None
    reason: Annotated[str, free_text(2_000)]


class TopicRevisionIn(FrozenModel):
    """The whole new state of a topic."""

    id: Id = None
    label: Annotated[str, free_text(500)]
    proposition: Annotated[str, free_text(2_000)]
    broader: Slug | None = None


class StatementState(Statement):
    """The whole state of a statement, as a correction gives it."""

    content: ContentIn
    evidence: Annotated[tuple[EvidenceIn, ...], Field(min_length=1, max_length=64)]


class PositionState(Position):
    """The whole state of a position, as a correction gives it."""

    summary: Annotated[str, free_text(2_000), Section("summary")]


class PositionAlong(PositionChanged):
    """A position in the body of a statement, which comes first in its basis and gives its coder."""

    # one less than `PositionChanged` allows, for the statement itself
    basis: Annotated[tuple[UUID, ...], Ref("statement"), Field(max_length=63)] = ()
    summary: Annotated[str, free_text(2_000), Section("summary")]
    # left out, it is the statement's: `write_requests.new_statement` fills it in
    coder: Code | None = None  # type: ignore[assignment]


class PositionIn(PositionChanged):
    """A position on its own."""

    id: Id = None
    summary: Annotated[str, free_text(2_000), Section("summary")]


class StatementIn(StatementMade):
    """A statement, and the positions that follow from it."""

    id: Id = None
    content: ContentIn
    evidence: Annotated[tuple[EvidenceIn, ...], Field(min_length=1, max_length=64)]
    positions: Annotated[tuple[PositionAlong, ...], Field(max_length=64)] = ()


class _AmendmentIn(FrozenModel):
    id: Id = None
    by: AmendedBy
    reason: Annotated[str, free_text(2_000)]


class StatementCorrectionIn(_AmendmentIn):
    """What the statement should have said, in full."""

    replacement: StatementState


class PositionCorrectionIn(_AmendmentIn):
    """What the position should have been, in full."""

    replacement: PositionState


class RetractionIn(_AmendmentIn):
    """Why it should not have been on record."""


class ErasureIn(FrozenModel):
    """Which words of a statement are erased, and on what ground."""

    id: Id = None
    sections: Annotated[
        tuple[Literal["content", "evidence", "venue", "roles", "note", "reason"], ...],
        Field(min_length=1, max_length=6),
    ]
    ground: Annotated[Code, Field(description="A code, as `gdpr-17` or `court-order`.")]


class DismissalIn(FindingDismissed):
    """Why a finding of `GET /v1/review` is left as it is: its `dismiss`, the `known.size` of the
    page, and a reason.
    """

    id: Id = None
    reason: Annotated[str, free_text(2_000), Section("reason")]

    @model_validator(mode="after")
    def _names_what_its_kind_is_about(self) -> "DismissalIn":
        require_unique("statements", self.statements)
        counts = {"contradiction": 1, "same_words": 2}
        if (count := counts.get(self.kind, len(self.statements))) != len(self.statements):
            message = f"of a finding {self.kind!r} are {count}, as its dismiss has them"
            raise field_error("/statements", message)
        if (self.position is None) != (self.kind == "same_words"):
            raise field_error("/position", "goes with every kind of finding but same_words")
        if self.certainty == "possible" and self.kind != "contradiction":
            raise field_error("/certainty", "is possible of a contradiction only")
        return self


SimilarReason = Literal["words", "address"]


@dataclass(kw_only=True)
class SimilarStatement:
    """A statement that may be the same one, recorded before."""

    id: UUID
    why: Annotated[
        list[SimilarReason],
        Field(
            description="`words`: one of its speakers said the same words, but for case, accents,"
            " punctuation and blanks; `address`: it was found at the same address."
        ),
    ]
    permalink: str


@dataclass(kw_only=True)
class Recorded:
    """The answer to a write. A read with `min_size=size` sees it."""

    id: Annotated[str, Field(description="The thing's id; a correction keeps it.")]
    event: Annotated[UUID, Field(description="The event's own id.")]
    seq: Annotated[int, Field(description="The event's place in the ledger, from 0.")]
    size: Annotated[int, Field(description="The number of entries that includes this write.")]
    recorded_at: datetime
    positions: Annotated[
        Sequence[UUID], Field(description="Ids of the positions recorded along with it.")
    ]
    dry_run: Annotated[
        bool, Field(description="Nothing was recorded: the answer is as it would be.")
    ] = False
    similar: Annotated[
        Sequence[SimilarStatement] | None,
        Field(
            description="Of a statement: others on record that may be the same, at most ten for"
            " each reason, those with the same words first. Not recorded: a"
            " repeated request may have others. Null: not looked up, as where many"
            " write at once."
        ),
    ] = ()


class Line(FrozenModel):
    """One line of `POST /v1/batch`."""

    op: Literal["actor", "topic", "statement", "position", "correction", "retraction", "dismissal"]
    id: str
    target: UUID | None = None
    body: dict[str, Any]

    @model_validator(mode="after")
    def _targets_something(self) -> "Line":
        if (self.target is not None) != (self.op in ("correction", "retraction")):
            raise field_error(
                "/target", "target goes with a correction or a retraction, and only there"
            )
        return self


class LineResult(BaseModel):
    """What became of one line: recorded (`seq`, `size`) or not (`problem`)."""

    line: int
    status: int
    id: str | None = None
    seq: int | None = None
    size: int | None = None
    dry_run: bool = False
    problem: Annotated[
        dict[str, Any] | None, WithJsonSchema({"anyOf": [SCHEMA_REFERENCE, {"type": "null"}]})
    ] = None
