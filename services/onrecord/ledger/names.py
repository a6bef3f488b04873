"""Look-up of unknown actors and topics, with the slugs nearest to them.

Used by the APIs that may read the ledger: for references in bodies and for filters.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import text

from onrecord.domain.ids import EntityKind, entity_id, unknown_name_message
from onrecord.kit.sql.db import Pool, fetch_all

MAX_SUGGESTIONS: Final = 10
"""Unknown names of a request for which the nearest slugs are looked up."""

_ON_RECORD: Final = text("SELECT id FROM ledger.ids WHERE id = ANY (CAST(:ids AS uuid[]))")

_NEAREST: Final = text("""
SELECT slug FROM ledger.ids
WHERE kind = :kind AND slug IS NOT NULL
ORDER BY slug <-> :slug, slug LIMIT 3
""")


class Name(NamedTuple):
    """A slug, and whether it is an actor's or a topic's."""

    kind: EntityKind
    slug: str


async def nearest_slugs(pool: Pool, name: Name) -> list[str]:
    """The three slugs of its kind that are most like a name (trigrams)."""
    return [row["slug"] for row in await fetch_all(pool, _NEAREST, name._asdict())]


async def unknown_names(pool: Pool, names: Collection[Name]) -> dict[Name, str]:
    """Those of these names that are not on record, each with a message for the client."""
    if not names:
        return {}
    ids = {name: entity_id(*name) for name in names}
    rows = await fetch_all(pool, _ON_RECORD, {"ids": list(ids.values())})
    on_record = {row["id"] for row in rows}
    messages: dict[Name, str] = {}
    for name, id_ in ids.items():
        if id_ not in on_record:
            suggest = len(messages) < MAX_SUGGESTIONS
            nearest = await nearest_slugs(pool, name) if suggest else ()
            messages[name] = unknown_name_message(*name, nearest)
    return messages
