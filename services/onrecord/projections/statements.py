"""The projection of statements: one row a version of a statement.

A row has the whole statement as a document, and its words as a text search vector. Queried by
`queries`, and joined by positions for their evidence.
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
from onrecord.domain.event_types import event_types_about
from onrecord.domain.events import PayloadErased, StatementRetracted, statement_after
from onrecord.domain.payload import as_json, split_payload, without_sections
from onrecord.domain.statement import Statement
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import (
    NEVER,
    VersionedTable,
    amendment_indexes,
    recorded_index,
    version_columns,
)
from onrecord.projections.search import BARE_TEXTS, SEARCHABLE

NAME = "statements"

_CURRENT = text(f"close_seq = {NEVER}")

_MADE: Final = ("generation", "made_seq")
statements = Table(
    "statements",
    metadata,
    *version_columns(Uuid),
    Column("said_from", DateTime(timezone=True), nullable=False),
    Column("said_until", DateTime(timezone=True), nullable=False),
    Column("actors", ARRAY(Text), nullable=False),
    Column("topics", ARRAY(Text), nullable=False),
    Column("outlets", ARRAY(Text), nullable=False),
    Column("doc", JSONB, nullable=False),
    Column("erased", JSONB, nullable=False),
    Column("search", TSVECTOR, Computed(SEARCHABLE), nullable=False),
    Column("words", Text, Computed("md5(doc #>> '{content,text}')")),
    Column("bare", Text, Computed(BARE_TEXTS)),
    Index("statements_in_order", "generation", "said_from", "made_seq"),
    Index("statements_actors", "actors", postgresql_using="gin"),
    Index("statements_topics", "topics", postgresql_using="gin"),
    Index("statements_search", "search", postgresql_using="gin", postgresql_where=_CURRENT),
    Index("statements_words", "generation", "words"),
    Index(
        "statements_bare",
        "bare",
        postgresql_using="gin",
        postgresql_ops={"bare": "gin_trgm_ops"},
    ),
    recorded_index("statements"),
    *amendment_indexes("statements", StatementRetracted.type),
    Index(
        "statements_addresses",
        text("projections.addresses(doc)"),
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
        postgresql_where=_CURRENT,
    ),
    Index("statements_coded", *_MADE, postgresql_where=text("doc ? 'stances'")),
    Index(
        "statements_doubted",
        *_MADE,
        postgresql_where=text(f"close_type = '{StatementRetracted.type}' OR doc ? 'embedded_in'"),
    ),
)


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Insert and close versions of statements; remove what was erased from all of them."""
    versions = VersionedTable(conn, statements, generation)
    versions.load_made_seqs({entry.subject for entry in page if entry.event.amends})
    for entry in page:
        if isinstance(entry.event, PayloadErased):
            versions.flush()
            _erase(conn, generation, entry.event)
            continue
        statement = statement_after(entry.event)
        if statement is None:
            versions.close(entry.subject, entry)
        else:
            versions.insert(entry.subject, entry, _row(statement, entry.erased))
    versions.flush()


def _erase(conn: Connection, generation: int, erasure: PayloadErased) -> None:
    """Remove the erased sections from every version so far: no size shows them again.

    A version notes the ground for the sections that it had. Folded late, these are the sections
    that were missing when it was inserted.
    """
    versions = (statements.c.generation == generation, statements.c.id == erasure.target)
    for row in conn.execute(select(statements).where(*versions)).all():
        statement = Statement.model_validate(row.doc)
        sections = {*split_payload(statement)[1]}
        sections |= {section for section, ground in row.erased.items() if not ground}
        sections |= {"reason"} if row.reason else set()
        erased = dict.fromkeys(sections & {*erasure.sections}, erasure.ground)
        values = _row(without_sections(statement, erasure.sections), frozenset())
        values["erased"] = {**row.erased, **erased}
        if "reason" in erasure.sections:
            values |= {"reason": None, "close_reason": None}
        version = update(statements).where(*versions, statements.c.open_seq == row.open_seq)
        conn.execute(version.values(**values))


def _row(statement: Statement, missing: frozenset[str]) -> dict[str, Any]:
    when = bounds(statement.said_at)
    return {
        "said_from": when.sorts_at,
        "said_until": when.latest,
        "actors": _distinct(
            name
            for speaker in statement.speakers
            for name in (speaker.actor, *speaker.on_behalf_of)
        ),
        "topics": list(statement.topics),
        "outlets": _distinct(item.outlet for item in statement.evidence if item.outlet),
        "doc": as_json(statement),
        "erased": dict.fromkeys(sorted(missing)),
    }


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


STATEMENTS = Projection(
    NAME,
    fold_number=2,
    tables=(statements,),
    fold=fold,
    event_types=event_types_about("statement"),
)
