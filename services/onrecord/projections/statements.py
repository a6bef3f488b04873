"""Which statements are on record, in whose words, by whom, on what, and what was once believed?

One row a version of a statement, with the whole statement as a document and its words as a text
search vector. Queried by `statements_read`, and joined by positions for their evidence.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    Computed,
    Connection,
    DateTime,
    Index,
    Table,
    Text,
    Uuid,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from onrecord.domain.dates import bounds
from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import (
    PayloadErased,
    StatementCorrected,
    StatementMade,
    StatementRetracted,
)
from onrecord.domain.payload import as_json, split_payload, without_sections
from onrecord.domain.statement import Statement
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import NEVER, Versions, columns

NAME = "statements"

_CURRENT = text(f"close_seq = {NEVER}")

_MADE: Final = ("generation", "made_seq")
_WORDS = "projections.searchable(doc)"
"""The words as a text search vector, all languages alike: no stemming."""

statements = Table(
    "statements",
    metadata,
    *columns(Uuid),
    Column("said_from", DateTime(timezone=True), nullable=False),
    Column("said_until", DateTime(timezone=True), nullable=False),
    Column("actors", ARRAY(Text), nullable=False),
    Column("topics", ARRAY(Text), nullable=False),
    Column("outlets", ARRAY(Text), nullable=False),
    Column("doc", JSONB, nullable=False),
    Column("erased", JSONB, nullable=False),
    Column("search", TSVECTOR, Computed(_WORDS), nullable=False),
    Column("words", Text, Computed("md5(doc #>> '{content,text}')")),
    Index("statements_in_order", "generation", "said_from", "made_seq"),
    Index("statements_actors", "actors", postgresql_using="gin"),
    Index("statements_topics", "topics", postgresql_using="gin"),
    Index("statements_search", "search", postgresql_using="gin", postgresql_where=_CURRENT),
    Index("statements_words", "generation", "words"),
    Index("statements_coded", *_MADE, postgresql_where=text("doc ? 'stances'")),
    Index(
        "statements_doubted",
        *_MADE,
        postgresql_where=text("close_type = 'statement.retracted' OR doc ? 'embedded_in'"),
    ),
)


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Open, close and replace versions as the events say."""
    versions = Versions(conn, statements, generation)
    versions.know({one.subject for one in page if isinstance(one.event, _AMEND)})
    for one in page:
        if isinstance(one.event, StatementMade):
            versions.open(one.subject, one, _row(one.event, one.erased))
        elif isinstance(one.event, StatementCorrected):
            versions.open(one.subject, one, _row(one.event.replacement, one.erased))
        elif isinstance(one.event, StatementRetracted):
            versions.close(one.subject, one)
        elif isinstance(one.event, PayloadErased):
            versions.flush()
            _erase(conn, generation, one.event)
    versions.flush()


def _erase(conn: Connection, generation: int, erasure: PayloadErased) -> None:
    """Take the words out of every version until here: no size shows them again.

    A version's grounds are of what it had; folded late, that is what it was found without.
    """
    mine = (statements.c.generation == generation, statements.c.id == erasure.target)
    for row in conn.execute(select(statements).where(*mine)).all():
        statement = Statement.model_validate(row.doc)
        had = {
            *split_payload(statement)[1],
            *(one for one, ground in row.erased.items() if not ground),
        }
        had |= {"reason"} if row.reason else set()
        left = _row(without_sections(statement, erasure.sections), frozenset())
        left["erased"] = {**row.erased, **dict.fromkeys(had & {*erasure.sections}, erasure.ground)}
        if "reason" in erasure.sections:
            left |= {"reason": None, "close_reason": None}
        own = update(statements).where(*mine, statements.c.open_seq == row.open_seq)
        conn.execute(own.values(**left))


def _row(statement: Statement, missing: frozenset[str]) -> dict[str, Any]:
    when = bounds(statement.said_at)
    return {
        "said_from": when.sorts_at,
        "said_until": when.latest,
        "actors": _once(
            name for one in statement.speakers for name in (one.actor, *one.on_behalf_of)
        ),
        "topics": list(statement.topics),
        "outlets": _once(one.outlet for one in statement.evidence if one.outlet),
        "doc": as_json(statement),
        "erased": dict.fromkeys(sorted(missing)),
    }


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


_AMEND: Final = (StatementCorrected, StatementRetracted)
_HEARS: Final = (StatementMade, *_AMEND, PayloadErased)

STATEMENTS = Projection(
    NAME, number=1, tables=(statements,), fold=fold, hears=frozenset(one.type for one in _HEARS)
)
