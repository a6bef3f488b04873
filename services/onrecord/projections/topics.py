"""The projection of topics: one row a version of a topic, with its proposition.

Queried by `queries`, and joined by positions for citations.
"""

from collections.abc import Sequence

from sqlalchemy import Column, Computed, Connection, Index, Table, Text

from onrecord.domain.event import RecordedEvent
from onrecord.domain.event_types import event_types_about
from onrecord.domain.events import TopicRegistered, TopicRevised
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import VersionedTable, version_columns
from onrecord.projections.search import FOLDED_SPELLINGS, join_spellings

NAME = "topics"

topics = Table(
    "topics",
    metadata,
    *version_columns(Text),
    Column("label", Text),
    Column("proposition", Text),
    Column("broader", Text),
    Column("spellings", Text, nullable=False),
    Column("folded", Text, Computed(FOLDED_SPELLINGS)),
    Index(
        "topics_folded",
        "folded",
        postgresql_using="gin",
        postgresql_ops={"folded": "gin_trgm_ops"},
    ),
)


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Insert each version of a topic."""
    versions = VersionedTable(conn, topics, generation)
    versions.load_made_seqs(
        {entry.event.id for entry in page if isinstance(entry.event, TopicRevised)}
    )
    for entry in page:
        event = entry.event
        if isinstance(event, TopicRegistered | TopicRevised):
            names = (event.id, event.label or "", event.proposition or "")
            row = {
                "label": event.label,
                "proposition": event.proposition,
                "broader": event.broader,
                "spellings": join_spellings(names),
            }
            versions.insert(event.id, entry, row)
        else:
            raise TypeError(f"{event.type} is not folded")
    versions.flush()


TOPICS = Projection(
    NAME,
    fold_number=2,
    tables=(topics,),
    fold=fold,
    event_types=event_types_about("topic"),
)
