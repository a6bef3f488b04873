"""How is the ledger read back: by place, by event, by whom it is about?

Called by followers (sync), the audit door (async, through `kit.db`) and the write door (nearest
slugs). Pages are keyset reads in short transactions; none holds a snapshot between pages.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, TypedDict

import orjson
import psycopg
from sqlalchemy import TextClause, text

from onrecord.domain.events import Recorded
from onrecord.ledger.entry import decode

_ROWS: Final = """
SELECT e.seq, e.entry, p.sections, p.salts, p.values
FROM ({page}) e
LEFT JOIN LATERAL (
    SELECT array_agg(section ORDER BY section) AS sections,
           array_agg(salt ORDER BY section) AS salts,
           array_agg(value ORDER BY section) AS values
    FROM ledger.payloads WHERE seq = e.seq
) p ON true
ORDER BY e.seq
"""


class EntryRow(TypedDict):
    """An entry with what is left of its payload, section by section."""

    seq: int
    entry: bytes
    sections: Sequence[str] | None
    salts: Sequence[bytes] | None
    values: Sequence[bytes] | None


@cache
def page(filters: frozenset[str]) -> TextClause:
    """At most `:limit` entries from seq `:start` on that pass all filters (actor, topic, type)."""
    where = "".join(
        f" AND EXISTS (SELECT FROM ledger.touches t WHERE t.kind = '{kind}' AND t.name = :{kind}"
        " AND t.seq = entries.seq)"
        for kind in sorted(filters)
    )
    return text(
        _ROWS.format(
            page="SELECT seq, entry FROM ledger.entries WHERE seq >= CAST(:start AS bigint)"
            f"{where} ORDER BY seq LIMIT CAST(:limit AS bigint)"
        )
    )


BY_ID: Final = text(
    _ROWS.format(page="SELECT seq, entry FROM ledger.entries WHERE id = CAST(:id AS uuid)")
)
"""The entry of one event, none where there is no such event."""

SIZE: Final = text("SELECT coalesce(max(size), 0) AS size FROM ledger.commits")
"""The number of entries."""

KIND: Final = text("SELECT kind FROM ledger.ids WHERE id = CAST(:id AS uuid)")
"""What a thing is; no row where there is no such thing."""

NEAREST: Final = text(
    "SELECT slug FROM ledger.ids WHERE kind = :kind AND slug IS NOT NULL"
    " ORDER BY slug <-> :slug, slug LIMIT 3"
)
"""The three slugs of a kind that are most like one (trigrams)."""

_FOLLOW: Final = _ROWS.format(
    page="SELECT seq, entry FROM ledger.entries WHERE seq >= %s ORDER BY seq LIMIT %s"
)


def entries_from(conn: psycopg.Connection[Any], start: int, limit: int) -> list[Recorded]:
    """Up to `limit` entries from seq `start` on, each read whole; fewer means: that was all."""
    rows = conn.cursor(binary=True).execute(_FOLLOW, [start, limit])
    return [
        decode(entry, dict(zip(sections or (), values or (), strict=True)))
        for _, entry, sections, _, values in rows
    ]


def size(conn: psycopg.Connection[Any]) -> int:
    """The number of entries."""
    row = conn.execute("SELECT size FROM ledger.commits ORDER BY size DESC LIMIT 1").fetchone()
    return row[0] if row else 0


def line(row: EntryRow | Mapping[str, Any]) -> bytes:
    """An event as the proof door gives it: one line of JSON in which `entry` is the hashed bytes.

    `{"entry": ..., "payload": {section: {"salt": hex, "value": ...}}, "erased": {section: ground}}`
    """
    payload = b",".join(
        b'"%b":{"salt":"%b","value":%b}' % (section.encode(), salt.hex().encode(), value)
        for section, salt, value in zip(
            row["sections"] or (), row["salts"] or (), row["values"] or (), strict=True
        )
    )
    gone = orjson.loads(row["entry"])["commit"].keys() - set(row["sections"] or ())
    erased = orjson.dumps(dict.fromkeys(sorted(gone)))
    return b'{"entry":%b,"payload":{%b},"erased":%b}' % (bytes(row["entry"]), payload, erased)
