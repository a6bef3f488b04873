"""Which actors are on record, under which names, and which mean another one, as known when?

One row a version of an actor, and one a merge of an actor into another. Queried by `registry_read`
(by id, or by name in any spelling on record) and joined by reads of positions: for the name that a
citation uses, and because reads of a merged actor mean the one that it was merged into.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from onrecord.domain.event import RecordedEvent
from onrecord.domain.event_types import event_types_about
from onrecord.domain.events import ActorMerged, ActorRegistered, ActorRevised, ActorUnmerged
from onrecord.domain.payload import as_json
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import Versions, columns
from onrecord.projections.spelling import folded

NAME = "actors"

actors = Table(
    "actors",
    metadata,
    *columns(Text),
    Column("kind", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("identifiers", JSONB, nullable=False),
    Column("spellings", Text, nullable=False),
    Index(
        "actors_spellings",
        "spellings",
        postgresql_using="gin",
        postgresql_ops={"spellings": "gin_trgm_ops"},
    ),
)

merges = Table(
    "merges",
    metadata,
    *columns(Text),
    Column("into_actor", Text, nullable=False),
    Index("merges_into", "generation", "into_actor"),
)
"""From merge to unmerge: reads of `id` mean `into_actor`, which may be merged itself later."""


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Open an actor's first version, and replace it by later ones; open and close its merges."""
    versions = Versions(conn, actors, generation)
    versions.know({one.event.id for one in page if isinstance(one.event, ActorRevised)})
    merged = Versions(conn, merges, generation)
    merged.know({one.event.actor for one in page if isinstance(one.event, _MERGES)})
    for one in page:
        event = one.event
        if isinstance(event, ActorRegistered | ActorRevised):
            versions.open(event.id, one, _row(event))
        elif isinstance(event, ActorMerged):
            merged.open(event.actor, one, {"into_actor": event.into})
        elif isinstance(event, ActorUnmerged):
            merged.close(event.actor, one)
        else:
            raise TypeError(f"{event.type} is not folded")
    versions.flush()
    merged.flush()


def _row(actor: ActorRegistered | ActorRevised) -> dict[str, Any]:
    identifiers = actor.identifiers or {}
    spellings = [actor.id, *(one.name for one in actor.names), *identifiers.values()]
    return {
        "kind": actor.kind,
        "names": as_json(actor.names),
        "identifiers": identifiers,
        "spellings": "\n".join(folded(one) for one in spellings),
    }


_MERGES: Final = (ActorMerged, ActorUnmerged)

ACTORS = Projection(
    NAME, number=1, tables=(actors, merges), fold=fold, hears=event_types_about("actor")
)
