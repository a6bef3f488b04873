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
from onrecord.domain.events import ActorMerged, ActorRegistered, ActorRevised, ActorUnmerged
from onrecord.domain.payload import as_json
from onrecord.projections.engine.projection import Projection, metadata
from onrecord.projections.engine.snapshot import believed
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

ROOT: Final = f"""
    up AS (
        SELECT CAST(:actor AS text) AS id, 0 AS far
        UNION ALL
        SELECT m.into_actor, far + 1 FROM known, up, LATERAL (
            SELECT m.into_actor FROM projections.merges m
            WHERE m.id = up.id AND {believed("m", NAME)} ORDER BY m.open_seq DESC LIMIT 1) m
    ),
    root AS MATERIALIZED (
        SELECT a.id, a.names FROM known, (SELECT id FROM up ORDER BY far DESC LIMIT 1) up, LATERAL (
            SELECT a.id, a.names FROM projections.actors a
            WHERE a.id = up.id AND {believed("a", NAME)} ORDER BY a.open_seq DESC LIMIT 1) a
    )"""
"""The CTE `root`: the actor that `:actor` means at `known.k`; no row where it is not on record."""

MEMBERS: Final = f"""
    members AS (
        SELECT id FROM root
        UNION ALL
        SELECT m.id FROM known, members JOIN projections.merges m ON m.into_actor = members.id
        WHERE {believed("m", NAME)}
    )"""
"""Over `root`: the CTE `members`, it and all actors that mean it."""


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
_HEARS: Final = (ActorRegistered, ActorRevised, *_MERGES)

ACTORS = Projection(
    NAME, number=1, tables=(actors, merges), fold=fold, hears=frozenset(one.type for one in _HEARS)
)
