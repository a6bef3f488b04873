"""Response models of the check of quotes. Filled by `serialize_quote`, not validated."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from onrecord.domain.quotes.alignment import Operation
from onrecord.query.answers.schemas import INSTANT, INSTANT_OR_NULL, Known
from onrecord.query.answers.statement_schemas import EvidenceOut

ContentMode = Literal["verbatim", "mixed", "paraphrase", "translation"]


@dataclass(kw_only=True)
class QuoteSpeaker:
    """A speaker of the statement, under the name that the record has at this size."""

    actor: str
    label: str
    role: str | None
    capacity: Literal["individual", "spokesperson", "joint"]


@dataclass(kw_only=True)
class QuoteDifference:
    """A run of words, as the quote and as the record has it."""

    op: Annotated[
        Operation,
        Field(
            description="`insert`: only the quote has the words; `delete`: only the record;"
            " `replace`: each has its own; `omit`: only the record, where the quote has an"
            " ellipsis; `equal`: both, but for blanks, quotation marks and case."
        ),
    ]
    quoted: str | None
    recorded: str | None


@dataclass(kw_only=True)
class QuoteMatch:
    """A passage on record that the quote means, with who said it, when, and the source."""

    verdict: Literal["exact", "same_words", "differs"]
    similarity: Annotated[float, Field(ge=0, le=1, description="The share of words in common.")]
    shortened: Annotated[
        bool,
        Field(description="The quote has an ellipsis; the verdict is that of its worst part."),
    ]
    statement: UUID
    permalink: Annotated[
        str, Field(description="The whole address of the statement, at the size of this version.")
    ]
    speakers: list[QuoteSpeaker]
    said_at: str
    said_earliest: Annotated[str | None, WithJsonSchema(INSTANT_OR_NULL)]
    said_latest: Annotated[str, WithJsonSchema(INSTANT)]
    status: Literal["on_record", "corrected"]
    source: Annotated[EvidenceOut, Field(description="The first of the statement's evidence.")]
    mode: Annotated[
        ContentMode, Field(description="What the words on record are, of which this is a passage.")
    ]
    field: Annotated[
        Literal["text", "original"],
        Field(description="Where the passage stands: `content.text` or `content.original.text`."),
    ]
    lang: str
    passage: Annotated[str, Field(description="The exact words on record.")]
    start: Annotated[
        int, Field(description="Where they begin in that field, in code points, from 0.")
    ]
    end: Annotated[int, Field(description="Where they end, exclusive.")]
    differences: Annotated[
        list[QuoteDifference], Field(description="The whole passage, run by run; empty: `exact`.")
    ]


@dataclass(kw_only=True)
class QuoteAnswer:
    """Whether the words of a quote are on record."""

    text: Annotated[str, Field(description="The quote as given.")]
    verdict: Annotated[
        Literal["exact", "same_words", "differs", "not_found"],
        Field(
            description="That of the best match. `exact`: code point for code point; `same_words`:"
            " but for blanks, quotation marks, apostrophes, dashes, case and Unicode's ways to"
            " write a character; `differs`: at least six of ten words; `not_found`: nothing near."
        ),
    ]
    matches: Annotated[list[QuoteMatch], Field(description="The best first; at most five.")]
    known: Known
