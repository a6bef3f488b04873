"""Response models of the read API about statements. Filled by `serialize`.

The fields of the statement itself are those of `domain.statement`, optional where words may have
been erased. As the models of `schemas`, they are not validated at run time.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from onrecord.domain.statement import Evidence, Statement
from onrecord.query.answers.schemas import INSTANT, INSTANT_OR_NULL, ClosingEvent, Known

StatementStatus = Literal["on_record", "corrected", "retracted"]


class EvidenceOut(Evidence):
    """A source of a statement, with the bounds of its date where it has one."""

    published_earliest: Annotated[
        str | None,
        Field(description="The first instant of `published_at`; null for `../D`."),
        WithJsonSchema(INSTANT_OR_NULL),
    ] = None
    published_latest: Annotated[
        str | None, Field(description="Its last instant."), WithJsonSchema(INSTANT)
    ] = None


class StatementOfBasis(Statement):
    """A statement that a position rests on. Words that were erased are missing."""

    id: UUID
    evidence: tuple[EvidenceOut, ...]
    said_earliest: Annotated[
        str | None,
        Field(description="The first instant of `said_at`; null for `../D`."),
        WithJsonSchema(INSTANT_OR_NULL),
    ]
    said_latest: Annotated[
        str, Field(description="The last instant of `said_at`."), WithJsonSchema(INSTANT)
    ]
    status: StatementStatus
    erased: Annotated[
        dict[str, str | None],
        Field(
            description="Sections of which the words are gone: the ground, as soon as it is folded."
        ),
    ]
    recorded_at: datetime
    recorded_by: str
    event: Annotated[UUID, Field(description="The event by which this version came on record.")]


class StatementOut(StatementOfBasis):
    """A statement as the record has it. Words that were erased are missing."""

    speaker_labels: Annotated[
        list[str], Field(description="The names of `speakers` at this size, in the same order.")
    ]
    topic_labels: Annotated[
        list[str], Field(description="The labels of `topics` at this size, in the same order.")
    ]
    closed: Annotated[
        ClosingEvent | None,
        Field(description="The event of the retraction, if there is one, and when it was."),
    ]


class StatementAnswer(StatementOut):
    """A statement, as known at a size."""

    known: Known
