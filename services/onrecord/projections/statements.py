"""Which statements are on record, in whose words, by whom, on what, and what was once believed?

One row a version of a statement, with the whole statement as a document and its words as a text
search vector. Queried by `statements_read`, and joined by positions for their evidence.
"""

from collections.abc import Iterable, Sequence
from typing import Any

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
from onrecord.domain.events import (
    PayloadErased,
    Recorded,
    StatementCorrected,
    StatementMade,
    StatementRetracted,
)
from onrecord.domain.said import Statement
from onrecord.domain.shape import plain, without
from onrecord.projections.projection import Projection, metadata
from onrecord.projections.versions import NEVER, Versions, columns

NAME = "statements"

_CURRENT = text(f"close_seq = {NEVER}")

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
    Index("statements_in_order", "generation", "said_from", "made_seq"),
    Index("statements_actors", "actors", postgresql_using="gin"),
    Index("statements_topics", "topics", postgresql_using="gin"),
    Index("statements_search", "search", postgresql_using="gin", postgresql_where=_CURRENT),
)


def fold(conn: Connection, generation: int, page: Sequence[Recorded]) -> None:
    """Open, close and replace versions as the events say."""
    versions = Versions(conn, statements, generation)
    versions.know(
        {
            one.subject
            for one in page
            if isinstance(one.event, StatementCorrected | StatementRetracted)
        }
    )
    for one in page:
        if isinstance(one.event, StatementMade):
            versions.open(one.subject, one, _row(one.event))
        elif isinstance(one.event, StatementCorrected):
            versions.open(one.subject, one, _row(one.event.replacement))
        elif isinstance(one.event, StatementRetracted):
            versions.close(one.subject, one)
        elif isinstance(one.event, PayloadErased):
            versions.flush()
            _erase(conn, generation, one.event)
    versions.flush()


def _erase(conn: Connection, generation: int, erasure: PayloadErased) -> None:
    """Take the words out of every version until here: no size shows them again."""
    mine = (statements.c.generation == generation, statements.c.id == erasure.target)
    found = select(statements.c.open_seq, statements.c.doc, statements.c.erased).where(*mine)
    for open_seq, doc, erased in conn.execute(found).all():
        left = without(Statement.model_validate(doc), erasure.sections)
        grounds = dict.fromkeys(erasure.sections, erasure.ground)
        reasons = {"reason": None, "close_reason": None} if "reason" in erasure.sections else {}
        conn.execute(
            update(statements)
            .where(*mine, statements.c.open_seq == open_seq)
            .values(**{**_row(left), **reasons, "erased": grounds | erased})
        )


def _row(statement: Statement) -> dict[str, Any]:
    when = bounds(statement.said_at)
    return {
        "said_from": when.sorts_at,
        "said_until": when.latest,
        "actors": _once(
            name for one in statement.speakers for name in (one.actor, *one.on_behalf_of)
        ),
        "topics": list(statement.topics),
        "outlets": _once(one.outlet for one in statement.evidence if one.outlet),
        "doc": plain(statement),
        "erased": {},
    }


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


STATEMENTS = Projection(NAME, number=1, tables=(statements,), fold=fold)
