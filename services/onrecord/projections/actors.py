"""The projection of actors: one row a version of an actor, and one a merge into another actor.

Queried by `queries`, by id or by any spelling of a name. Reads of positions join it for the names
in a citation, and to replace a merged actor by the actor that it was merged into.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Computed, Connection, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from onrecord.domain.event import RecordedEvent
from onrecord.domain.event_types import event_types_about
from onrecord.domain.events import ActorMerged, ActorRegistered, ActorRevised, ActorUnmerged
from onrecord.domain.payload import as_json
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.versions import VersionedTable, version_columns
from onrecord.projections.search import FOLDED_SPELLINGS, join_spellings

NAME = "actors"

actors = Table(
    "actors",
    metadata,
    *version_columns(Text),
    Column("kind", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("identifiers", JSONB, nullable=False),
    Column("spellings", Text, nullable=False),
    Column("folded", Text, Computed(FOLDED_SPELLINGS)),
    Index(
        "actors_folded",
        "folded",
        postgresql_using="gin",
        postgresql_ops={"folded": "gin_trgm_ops"},
    ),
    Index(
        "actors_wikidata",
        "generation",
        text("(identifiers ->> 'wikidata')"),
        postgresql_where=text("identifiers ? 'wikidata'"),
    ),
)

merges = Table(
    "merges",
    metadata,
    *version_columns(Text),
    Column("into_actor", Text, nullable=False),
    Index("merges_into", "generation", "into_actor"),
)
"""From merge to unmerge: reads of `id` mean `into_actor`, which may be merged itself later."""


def fold(conn: Connection, generation: int, page: Sequence[RecordedEvent]) -> None:
    """Insert each version of an actor; insert and close its merges."""
    versions = VersionedTable(conn, actors, generation)
    versions.load_made_seqs(
        {entry.event.id for entry in page if isinstance(entry.event, ActorRevised)}
    )
    into = VersionedTable(conn, merges, generation)
    into.load_made_seqs(
        {
            entry.event.actor
            for entry in page
            if isinstance(entry.event, ActorMerged | ActorUnmerged)
        }
    )
    for entry in page:
        event = entry.event
        if isinstance(event, ActorRegistered | ActorRevised):
            versions.insert(event.id, entry, _row(event))
        elif isinstance(event, ActorMerged):
            into.insert(event.actor, entry, {"into_actor": event.into})
        elif isinstance(event, ActorUnmerged):
            into.close(event.actor, entry)
        else:
            raise TypeError(f"{event.type} is not folded")
    versions.flush()
    into.flush()


def _row(actor: ActorRegistered | ActorRevised) -> dict[str, Any]:
    identifiers = actor.identifiers or {}
    spellings = [actor.id, *(name.name for name in actor.names), *identifiers.values()]
    return {
        "kind": actor.kind,
        "names": as_json(actor.names),
        "identifiers": identifiers,
        "spellings": join_spellings(spellings),
    }


ACTORS = Projection(
    NAME,
    fold_number=2,
    tables=(actors, merges),
    fold=fold,
    event_types=event_types_about("actor"),
)
