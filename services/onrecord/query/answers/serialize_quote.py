"""From rows of statements to matches of a quote. Used by `quote_routes`; pure functions."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from onrecord.domain.names import display_name
from onrecord.domain.quotes.compare import (
    VERDICTS,
    FoldedText,
    Passage,
    Quote,
    find_exact,
    find_passage,
)
from onrecord.kit.sql.db import Row
from onrecord.query.answers.quote_schemas import QuoteDifference, QuoteMatch, QuoteSpeaker
from onrecord.query.answers.serialize import statement_fields

MAX_MATCHES: Final = 5
MAX_FOLDED: Final = 300_000
"""Characters of statements that are folded for one quote: of many speeches, those with most of its
pieces. Folding them takes about half a second."""

TextField = Literal["text", "original"]


@dataclass(frozen=True)
class QuotedRow:
    """A row of a statement, and the passage in one of its texts."""

    row: Row
    field: TextField
    passage: Passage


def best_matches(quote: Quote, rows: Sequence[Row]) -> list[QuotedRow]:
    """The best match of each statement, the best first, else in the order of the rows."""
    folded = 0
    matches: list[QuotedRow] = []
    for row in rows:
        candidates: list[QuotedRow] = []
        for field, text in _texts(row["doc"]["content"]):
            passage = find_exact(quote, text)
            if passage is None:
                length = len(unicodedata.normalize("NFKC", text))  # up to 18 times as long
                if folded + length <= MAX_FOLDED:
                    folded += length
                    passage = find_passage(quote, FoldedText(text))
            if passage is not None:
                candidates.append(QuotedRow(row, field, passage))
        matches += sorted(candidates, key=_rank)[:1]
    return sorted(matches, key=_rank)[:MAX_MATCHES]


def serialize_match(match: QuotedRow, public_url: str) -> QuoteMatch:
    row, passage = match.row, match.passage
    statement = statement_fields(row["doc"])
    content = statement["content"]
    words = content if match.field == "text" else content["original"]
    address = f"/v1/statements/{row['id']}?known_size={row['open_seq'] + 1}"
    return QuoteMatch(
        verdict=passage.verdict,
        similarity=round(passage.similarity, 4),
        shortened=passage.shortened,
        statement=row["id"],
        permalink=f"{public_url}{address}",
        speakers=[
            QuoteSpeaker(
                actor=speaker["actor"],
                label=display_name(names or (), speaker["actor"]),
                role=speaker.get("role"),
                capacity=speaker.get("capacity", "individual"),
            )
            for speaker, names in zip(statement["speakers"], row["speaker_names"], strict=True)
        ],
        said_at=statement["said_at"],
        said_earliest=statement["said_earliest"],
        said_latest=statement["said_latest"],
        status="corrected" if row["open_seq"] > row["made_seq"] else "on_record",
        source=statement["evidence"][0],
        mode=content["mode"],
        field=match.field,
        lang=words["lang"],
        passage=words["text"][passage.start : passage.end],
        start=passage.start,
        end=passage.end,
        differences=[QuoteDifference(**change._asdict()) for change in passage.differences],
    )


def _texts(content: Mapping[str, Any]) -> list[tuple[TextField, str]]:
    original = content.get("original") or {}
    texts: list[tuple[TextField, str | None]] = [
        ("text", content.get("text")),
        ("original", original.get("text")),
    ]
    return [(field, text) for field, text in texts if text is not None]


def _rank(match: QuotedRow) -> tuple[int, float]:
    return VERDICTS.index(match.passage.verdict), -match.passage.similarity
