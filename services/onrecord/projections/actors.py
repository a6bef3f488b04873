"""Which actors are on record, under which names, as known when?

One row a version of an actor. Queried by `registry_read` (by id, or by name in any spelling on
record) and joined by positions for the name that a citation uses.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from onrecord.domain.events import ActorRegistered, ActorRevised, Recorded
from onrecord.domain.shape import plain
from onrecord.projections.projection import Projection, metadata
from onrecord.projections.spelling import folded
from onrecord.projections.versions import Versions, columns

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


def fold(conn: Connection, generation: int, page: Sequence[Recorded]) -> None:
    """Open an actor's first version, and replace it by later ones."""
    versions = Versions(conn, actors, generation)
    versions.know({one.event.id for one in page if isinstance(one.event, ActorRevised)})
    for one in page:
        if isinstance(one.event, ActorRegistered | ActorRevised):
            versions.open(one.event.id, one, _row(one.event))
    versions.flush()


def _row(actor: ActorRegistered | ActorRevised) -> dict[str, Any]:
    identifiers = actor.identifiers or {}
    spellings = [actor.id, *(one.name for one in actor.names), *identifiers.values()]
    return {
        "kind": actor.kind,
        "names": plain(actor.names),
        "identifiers": identifiers,
        "spellings": "\n".join(folded(one) for one in spellings),
    }


_HEARS: Final = (ActorRegistered, ActorRevised)

ACTORS = Projection(
    NAME, number=1, tables=(actors,), fold=fold, hears=frozenset(one.type for one in _HEARS)
)
