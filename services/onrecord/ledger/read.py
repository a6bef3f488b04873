"""Queries over the ledger: pages of entries, single entries, and its size.

Used by followers (sync), the audit API (async, through `kit.sql.db`) and the write API (nearest
slugs). Pages are keyset reads in short transactions; no snapshot is kept between pages.
"""

from collections.abc import Generator, Mapping
from contextlib import closing
from functools import cache
from types import MappingProxyType
from typing import Any, Final, TypedDict, cast
from uuid import UUID

import psycopg
from sqlalchemy import TextClause, text

from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import EVENT_CLASSES
from onrecord.ledger.entry import decode_whole

MOST_BYTES: Final = 8 * 2**20
"""Of entries and words on a page, or what its first entry alone takes."""


class Page(TypedDict):
    """Events as the proof door gives them, each a line; `next` is where the next page begins.

    `{"entry": ..., "payload": {section: {"salt": hex, "value": ...}}, "erased": {section: ground}}`
    and a newline, of which there is no other; entries and values are the bytes that were hashed.
    """

    lines: bytes
    next: int | None


def _lines(seqs: str) -> TextClause:
    """One `Page` of at most `:limit` of these and `MOST_BYTES`; empty where there are none.

    PostgreSQL puts it together and sends it as one value: 3 us of Python's time an event, where
    rows, which wake it up for every 8 KiB, take 10 (measured). The number of bytes is told from a
    value's header, without reading it. Each part is looked up by its entry's seq in a subquery that
    cannot become a join (`OFFSET 0`, aggregates): no plan reads more than the page.
    """
    return text(f"""
SELECT coalesce(string_agg(
           '{{"entry":'::bytea || e.entry || ',"payload":{{' || coalesce(p.parts, '')
               || '}},"erased":{{' || coalesce(x.parts, '') || E'}}}}\\n',
           '' ORDER BY e.seq), '') AS lines,
       CASE WHEN NOT bool_or(e.next IS NULL) THEN max(e.next) END AS next
FROM (
    SELECT seq, entry, lead(seq) OVER pages AS next, row_number() OVER pages AS place,
           sum(bytes) OVER pages - bytes AS before
    FROM ({seqs}) s CROSS JOIN LATERAL (
        SELECT entry, octet_length(entry) + (SELECT coalesce(sum(octet_length(value)), 0)
            FROM ledger.payloads WHERE seq = s.seq)::int AS bytes
        FROM ledger.entries WHERE seq = s.seq OFFSET 0
    ) whole
    WINDOW pages AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
) e
LEFT JOIN LATERAL (
    SELECT string_agg(convert_to('"' || section || '":{{"salt":"' || encode(salt, 'hex')
        || '","value":', 'UTF8') || value || '}}', ',' ORDER BY section) AS parts
    FROM ledger.payloads WHERE seq = e.seq
) p ON true
LEFT JOIN LATERAL (
    SELECT convert_to(string_agg(to_json(section) || ':' || to_json(ground), ',' ORDER BY section),
        'UTF8') AS parts
    FROM ledger.erased WHERE seq = e.seq
) x ON true
WHERE e.place <= CAST(:limit AS bigint) AND e.before < {MOST_BYTES}
""")


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


@cache
def page(filters: frozenset[str], also: str = "true") -> TextClause:
    """The `Page` from seq `:start` on of what passes these filters (`seqs`)."""
    return _lines(seqs(filters, also))


BY_ID: Final = _lines("SELECT seq FROM ledger.entries WHERE id = CAST(:id AS uuid)")
"""The `Page` of one event, empty where there is no such event; `:limit` is 1."""

SIZE: Final = text("SELECT coalesce(max(size), 0) AS size FROM ledger.commits")
"""The number of entries."""

KIND: Final = text("SELECT kind FROM ledger.ids WHERE id = CAST(:id AS uuid)")
"""The kind of what has this id; no row if there is nothing."""

NEAREST: Final = text(
    "SELECT slug FROM ledger.ids WHERE kind = :kind AND slug IS NOT NULL"
    " ORDER BY slug <-> :slug, slug LIMIT 3"
)
"""The three slugs of a kind that are most similar to `:slug` (trigrams)."""

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
    f"'{one.type}'" for one in EVENT_CLASSES.values() if one.makes in ("statement", "position")
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


def entries_from(conn: psycopg.Connection[Any], start: int, limit: int) -> list[RecordedEvent]:
    """Up to `limit` entries from seq `start` on, each read whole; fewer means: that was all."""
    return entries_at(conn, _FROM, [start, limit])


def entries_at(conn: psycopg.Connection[Any], seqs: str, asked: Any) -> list[RecordedEvent]:
    """The entries at the places that a query gives, each read whole, in order."""
    sql = _WHOLE.format(seqs=seqs).encode()
    found = conn.cursor(binary=True).stream(sql, asked, size=_AHEAD)
    # What has come is decoded while the server looks for the rest. Closed at once where that fails,
    # or the connection would still be busy when the transaction is rolled back.
    with closing(cast(Generator[Any, None, None], found)) as rows:
        return [decode_whole(whole) for (whole,) in rows]


def entry_identity(conn: psycopg.Connection[Any], seq: int) -> tuple[UUID, str]:
    """The id and the type of an entry."""
    row = conn.execute(
        "SELECT id, convert_from(entry, 'UTF8')::json ->> 'type' FROM ledger.entries"
        " WHERE seq = %s",
        [seq],
    ).fetchone()
    assert row, f"the ledger has no entry {seq}"
    return row[0], row[1]


def ledger_size(conn: psycopg.Connection[Any]) -> int:
    """The number of entries."""
    row = conn.execute("SELECT size FROM ledger.commits ORDER BY size DESC LIMIT 1").fetchone()
    return row[0] if row else 0
