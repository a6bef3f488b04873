"""Which topics are on record, and what does each propose, as known when?

One row a version of a topic. Queried by `registry_read`, and joined by positions for citations.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, Index, Table, Text

from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import TopicRegistered, TopicRevised
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import Versions, columns
from onrecord.projections.spelling import folded

NAME = "topics"

topics = Table(
    "topics",
    metadata,
    *columns(Text),
    Column("label", Text),
    Column("proposition", Text),
    Column("broader", Text),
    Column("spellings", Text, nullable=False),
    Index(
        "topics_spellings",
        "spellings",
        postgresql_using="gin",
        postgresql_ops={"spellings": "gin_trgm_ops"},
    ),
)


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Open a topic's first version, and replace it by later ones."""
    versions = Versions(conn, topics, generation)
    versions.know({one.event.id for one in page if isinstance(one.event, TopicRevised)})
    for one in page:
        event = one.event
        if isinstance(event, TopicRegistered | TopicRevised):
            words = (event.id, event.label or "", event.proposition or "")
            row = {
                "label": event.label,
                "proposition": event.proposition,
                "broader": event.broader,
                "spellings": "\n".join(folded(word) for word in words),
            }
            versions.open(event.id, one, row)
    versions.flush()


_HEARS: Final = (TopicRegistered, TopicRevised)

TOPICS = Projection(
    NAME, number=1, tables=(topics,), fold=fold, hears=frozenset(one.type for one in _HEARS)
)
