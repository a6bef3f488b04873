"""Queries of the ledger: its size, the kind of an id, similar slugs, and entries for followers.

Used by followers (sync) and by the APIs (async, through `kit.sql.db`). Pages are read by key in
short transactions; none holds a snapshot between pages.
"""

from collections.abc import Generator, Mapping
from contextlib import closing
from types import MappingProxyType
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from sqlalchemy import text

from onrecord.domain.events import CLASSES, Recorded
from onrecord.ledger.entry import decode_whole

FILTERS: Final = {"actors": "actor", "topics": "topic", "types": "type"}
"""By what entries are found, the most selective first: a parameter with names, and their kind."""


def seqs(
    filters: frozenset[str], also: str = "true", arrays: Mapping[str, str] = MappingProxyType({})
) -> str:
    """SQL for the first `:limit` + 1 seqs from `:start` on of what passes all of these `FILTERS`.

    An entry passes a filter if it touches one of the parameter's names. For each name of the first
    filter its index is read in order; the others, and `also` (SQL over `f.seq`), are looked up for
    each of its entries. As scalars: an EXISTS may become a join that reads all of the commonest.
    And name by name: PostgreSQL before 17 may read all of a kind for `name = ANY (...)`.
    `arrays`: SQL for the names of a filter, where it is not its parameter alone.
    """
    names = {one: arrays.get(one, f"CAST(:{one} AS text[])") for one in FILTERS}
    first, *others = [name for name in FILTERS if name in filters] or [""]
    passes = "".join(
        f" AND (SELECT true FROM unnest({names[one]}) n (name) CROSS JOIN LATERAL ("
        f"SELECT FROM ledger.touches WHERE kind = '{FILTERS[one]}' AND name = n.name"
        " AND seq = f.seq LIMIT 1) found LIMIT 1)"
        for one in others
    )
    where = f"f.seq >= CAST(:start AS bigint){passes} AND {also}"
    ordered = "ORDER BY seq LIMIT CAST(:limit AS bigint) + 1"
    if not first:
        return f"SELECT seq FROM ledger.entries f WHERE {where} {ordered}"
    return f"""
        SELECT DISTINCT seq FROM unnest({names[first]}) one (name) CROSS JOIN LATERAL (
            SELECT f.seq FROM ledger.touches f
            WHERE f.kind = '{FILTERS[first]}' AND f.name = one.name AND {where} {ordered}
        ) each {ordered}"""


SIZE: Final = text("SELECT coalesce(max(size), 0) AS size FROM ledger.commits")
"""The number of entries."""

KIND: Final = text("SELECT kind FROM ledger.ids WHERE id = CAST(:id AS uuid)")
"""The kind of an id (statement, position ...); no row where the id is unknown."""

NEAREST: Final = text(
    "SELECT slug FROM ledger.ids WHERE kind = :kind AND slug IS NOT NULL"
    " ORDER BY slug <-> :slug, slug LIMIT 3"
)
"""The three slugs of a kind that are most similar to `:slug`, by trigrams."""

_WHOLE: Final = """
SELECT '['::bytea || e.entry || ',{{' || coalesce(p.parts, '') || '}}]'
FROM ({seqs}) s JOIN ledger.entries e USING (seq)
LEFT JOIN LATERAL (
    SELECT string_agg(convert_to('"' || section || '":', 'UTF8') || value, ',') AS parts
    FROM ledger.payloads WHERE seq = e.seq
) p ON true
ORDER BY seq
"""
"""In one text: to take a row of arrays apart costs psycopg and Python more, a tenth of all that it
takes to fold an entry (measured).
"""
_AHEAD: Final = 100
_FROM: Final = "SELECT seq FROM ledger.entries WHERE seq >= %s ORDER BY seq LIMIT %s"

THESE: Final = "SELECT seq FROM unnest(%(seqs)b::bigint[]) seq"
"""These places and no others."""

OF_TYPES: Final = """
SELECT seq FROM unnest(%(types)b::text[]) type CROSS JOIN LATERAL (
    SELECT seq FROM ledger.touches WHERE kind = 'type' AND name = type
        AND seq >= %(start)s AND seq < %(until)s ORDER BY seq LIMIT %(limit)s::bigint
) one ORDER BY seq LIMIT %(limit)s::bigint
"""
"""The first places of entries of some types: a few reads of an index, whatever else is there."""

_OWN: Final = ", ".join(
    f"'{one.type}'" for one in CLASSES.values() if one.makes in ("statement", "position")
)
_DATA: Final = "convert_from(entry, 'UTF8')::jsonb -> 'data'"
OF_PART: Final = f"""
SELECT seq FROM ledger.touches t JOIN ledger.entries e USING (seq)
WHERE t.kind = 'type' AND t.name = ANY(%(types)b::text[])
    AND seq >= %(start)s AND seq < %(until)s
    AND get_byte(sha256(convert_to(
        CASE WHEN t.name IN ({_OWN}) THEN e.id::text ELSE coalesce(
            {_DATA} ->> 'target', {_DATA} ->> 'id', {_DATA} ->> 'actor') END,
        'UTF8')), 0) %% %(of)s = %(number)s
"""
"""The same of one part, without a limit. An entry that makes a statement or a position has its id;
all others say whom they are about. To skip an entry takes its row, and not its words.
"""


def entries_from(conn: psycopg.Connection[Any], start: int, limit: int) -> list[Recorded]:
    """Up to `limit` entries from seq `start` on, each read whole; fewer means: that was all."""
    return entries_at(conn, _FROM, [start, limit])


def entries_at(conn: psycopg.Connection[Any], seqs: str, asked: Any) -> list[Recorded]:
    """The entries at the places that a query gives, each read whole, in order."""
    sql = _WHOLE.format(seqs=seqs).encode()
    found = conn.cursor(binary=True).stream(sql, asked, size=_AHEAD)
    # What has come is decoded while the server looks for the rest. Closed at once where that fails,
    # or the connection would still be busy when the transaction is rolled back.
    with closing(cast(Generator[Any, None, None], found)) as rows:
        return [decode_whole(whole) for (whole,) in rows]


def identity(conn: psycopg.Connection[Any], seq: int) -> tuple[UUID, str]:
    """The id and the type of an entry."""
    row = conn.execute(
        "SELECT id, convert_from(entry, 'UTF8')::json ->> 'type' FROM ledger.entries"
        " WHERE seq = %s",
        [seq],
    ).fetchone()
    assert row, f"the ledger has no entry {seq}"
    return row[0], row[1]


def size(conn: psycopg.Connection[Any]) -> int:
    """The number of entries."""
    row = conn.execute("SELECT size FROM ledger.commits ORDER BY size DESC LIMIT 1").fetchone()
    return row[0] if row else 0
