"""What a superuser can do to a ledger whose guards are switched off (`published_log.tampering`)."""

from typing import Any, Final

import orjson
import psycopg

from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger.merkle import Frontier

Superuser = psycopg.Connection[Any]
VICTIM: Final = 100
"""The seq of a statement."""


def entry_at(conn: Superuser, seq: int) -> dict[str, Any]:
    row = conn.execute("SELECT entry FROM ledger.entries WHERE seq = %s", [seq]).fetchone()
    assert row
    entry: dict[str, Any] = orjson.loads(row[0])
    return entry


def rewrite(conn: Superuser, seq: int, *, with_hash: bool = True, **fields: Any) -> None:
    """Replace fields of an entry."""
    entry = {**entry_at(conn, seq), **fields}
    data = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
    conn.execute("UPDATE ledger.entries SET entry = %s WHERE seq = %s", [data, seq])
    if with_hash:
        values = [leaf_hash(data), entry["id"], seq]
        conn.execute("UPDATE ledger.entries SET leaf_hash = %s, id = %s WHERE seq = %s", values)


def another_coder(conn: Superuser, seq: int = VICTIM) -> dict[str, Any]:
    """The data of an entry with a word changed that no position depends on."""
    return {**entry_at(conn, seq)["data"], "coder": "forger"}


def compute_tree_anew(conn: Superuser) -> None:
    """Make all stored hashes follow from the entries, as a thorough forger does."""
    rows = conn.execute("SELECT leaf_hash FROM ledger.entries ORDER BY seq").fetchall()
    frontier, subtrees = Frontier().append(row[0] for row in rows)
    for subtree in subtrees:
        conn.execute(
            "UPDATE ledger.subtrees SET hash = %s WHERE level = %s AND n = %s",
            [subtree.hash, subtree.level, subtree.n],
        )
    conn.execute(
        "UPDATE ledger.commits SET root = %s, frontier = %s WHERE size = %s",
        [frontier.root(), list(frontier.hashes), frontier.size],
    )


def alter_entry(conn: Superuser) -> None:
    rewrite(conn, VICTIM, with_hash=False, data=another_coder(conn))


def delete_entry(conn: Superuser) -> None:
    conn.execute("DELETE FROM ledger.entries WHERE seq = %s", [VICTIM])


def insert_entry(conn: Superuser) -> None:
    entry = {**entry_at(conn, VICTIM), "id": "01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10"}
    data = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
    for table in ("entries", "payloads"):
        shift = f"UPDATE ledger.{table} SET seq = seq + %s WHERE seq >= %s"
        conn.execute(shift, [1_000_000, VICTIM])
        conn.execute(shift, [-999_999, 1_000_000])
    values = [VICTIM, entry["id"], data, leaf_hash(data)]
    conn.execute("INSERT INTO ledger.entries VALUES (%s, %s, %s, %s)", values)


def date_back(conn: Superuser) -> None:
    rewrite(conn, VICTIM, recorded_at="2001-01-01T00:00:00.000000Z")


def swap_entries(conn: Superuser) -> None:
    conn.execute("ALTER TABLE ledger.entries DROP CONSTRAINT entries_seq_counts_from_0")
    for seq, other in ((VICTIM, -1), (VICTIM + 1, VICTIM), (-1, VICTIM + 1)):
        for table in ("entries", "payloads"):
            conn.execute(f"UPDATE ledger.{table} SET seq = %s WHERE seq = %s", [other, seq])


def alter_section(conn: Superuser) -> None:
    value = b'{"content":{"text":"Other words."}}'
    where = "WHERE seq = %s AND section = 'content'"
    conn.execute(f"UPDATE ledger.payloads SET value = %s {where}", [value, VICTIM])


def duplicate_key(conn: Superuser) -> None:
    """The last of both texts opens the commitment; a reader may take the first."""
    where = "WHERE seq = %s AND section = 'content'"
    conn.execute(
        "UPDATE ledger.payloads SET value = overlay(value placing"
        f' convert_to(\'{{"content":{{"text":"Other"}},\', \'UTF8\') from 1 for 1) {where}',
        [VICTIM],
    )


def withhold_section(conn: Superuser) -> None:
    conn.execute("DELETE FROM ledger.payloads WHERE seq = %s AND section = 'content'", [VICTIM])
