"""Reading the ledger in order, for followers: entries as events, and commits.

Called by the folds of projections, by an audit's replay and by tests. A follower keeps its own
checkpoint. Writers are serialised and `seq` is dense, so any snapshot is a prefix of the ledger:
no entry can appear later below one that was read.
"""

from collections.abc import Collection, Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import psycopg

from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import EVENT_CLASSES
from onrecord.ledger.entry import decode_whole


@dataclass(frozen=True, slots=True)
class LedgerPart:
    """Part `number` of `count`: all entries about one thing are in the same part."""

    number: int
    count: int


@dataclass(frozen=True, slots=True)
class CommitSpan:
    """The entries `first` to `seq` of one commit, or those of them that a page holds."""

    first: int
    seq: int
    recorded_at: datetime


WHOLE_LEDGER: Final = LedgerPart(0, 1)
ALL_TYPES: Final = frozenset(type_ for type_, _ in EVENT_CLASSES)


def read_entries(
    conn: psycopg.Connection[Any],
    start: int,
    end: int,
    types: Collection[str] = ALL_TYPES,
    *,
    part: LedgerPart = WHOLE_LEDGER,
) -> list[RecordedEvent]:
    """The entries of these types from seq `start` to `end` - 1, in order.

    Entries of other types are not read at all, so an entry that this program cannot decode stops
    only the projections that read its type.
    """
    params = {"types": list(types), "start": start, "end": end}
    params |= {"part": part.number, "parts": part.count}
    stream = conn.cursor(binary=True).stream(_ENTRIES.encode(), params, size=_CHUNK)
    # Rows are decoded while the server reads the next ones. Closed at once where decoding fails,
    # or the connection would still be busy when the transaction is rolled back.
    with closing(cast(Generator[Any, None, None], stream)) as rows:
        return [decode_whole(whole) for (whole,) in rows]


_CHUNK: Final = 100
"""Rows that are fetched together."""


def subject_sql() -> str:
    """SQL for what an entry is about, as text: `Event.subject`, without reading the entry whole.

    Generated from each event class's `subject_field`, so a new type of event needs nothing here.
    The event's own id is the last resort: no entry is without a subject, and so in no part.
    """
    fields = sorted({cls.subject_field for cls in EVENT_CLASSES.values() if cls.subject_field})
    cases = []
    for field in fields:
        types = sorted(cls.type for cls in EVENT_CLASSES.values() if cls.subject_field == field)
        names = ", ".join(f"'{type_}'" for type_ in types)
        value = f"convert_from(e.entry, 'UTF8')::jsonb #>> '{{data,{field}}}'"
        cases.append(f"WHEN places.type IN ({names}) THEN {value}")
    return f"coalesce(CASE {' '.join(cases)} END, e.id::text)"


# The places are read from an index, type by type: PostgreSQL before 17 may read all of the index
# for `name = ANY (...)`. Entry and payload come as one value, `[entry, {section: value}]`: a row
# of arrays costs psycopg and Python a tenth of all that folding an entry takes (measured).
_ENTRIES: Final = f"""
SELECT '['::bytea || e.entry || ',{{' || coalesce(p.sections, '') || '}}]'
FROM (
    SELECT type, seq
    FROM unnest(%(types)b::text[]) AS type
    CROSS JOIN LATERAL (
        SELECT seq FROM ledger.touches
        WHERE kind = 'type' AND name = type
            AND seq >= %(start)s::bigint AND seq < %(end)s::bigint
        OFFSET 0
    ) of_type
    ORDER BY seq
) places
JOIN ledger.entries e USING (seq)
LEFT JOIN LATERAL (
    SELECT string_agg(convert_to('"' || section || '":', 'UTF8') || value, ',') AS sections
    FROM ledger.payloads WHERE seq = e.seq
) p ON true
WHERE %(parts)s::int = 1
    OR get_byte(sha256(convert_to({subject_sql()}, 'UTF8')), 0) %% %(parts)s::int = %(part)s::int
ORDER BY seq
"""


def read_commits(conn: psycopg.Connection[Any], start: int, end: int) -> list[CommitSpan]:
    """When the entries from seq `start` to `end` - 1 were recorded, without reading them.

    The first and the last span may be parts of a commit.
    """
    rows = conn.cursor(binary=True).execute(_COMMITS.encode(), {"start": start, "end": end})
    spans, first = list[CommitSpan](), start
    for size, recorded_at in rows:
        spans.append(CommitSpan(first, min(size, end) - 1, recorded_at))
        first = size
    return spans


_COMMITS: Final = """
SELECT size, recorded_at FROM ledger.commits
WHERE size > %(start)s::bigint AND size <= coalesce(
    (SELECT min(size) FROM ledger.commits WHERE size >= %(end)s::bigint), %(end)s::bigint)
ORDER BY size
"""


def read_identity(conn: psycopg.Connection[Any], seq: int) -> tuple[UUID, str]:
    """The id and the type of an entry, even of one that cannot be decoded."""
    row = conn.execute(_IDENTITY, {"seq": seq}).fetchone()
    assert row, f"the ledger has no entry {seq}"
    return row[0], row[1]


_IDENTITY: Final = """
SELECT id, convert_from(entry, 'UTF8')::json ->> 'type'
FROM ledger.entries WHERE seq = %(seq)s::bigint
"""
