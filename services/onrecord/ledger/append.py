"""How do requests become entries?

One transaction for a batch of requests: take the lock, look at the head and at what the requests
name, have each one judged, number and hash what is accepted, insert it all at once.
`ledger/committer.py` calls it for the write door. Each step is a statement of its own at READ
COMMITTED: a snapshot taken before the lock was granted would not see what its last holder wrote.
A writer who writes alone need not look: see `memory`.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psycopg

from onrecord.domain.decisions import Refusal
from onrecord.kit import binary
from onrecord.kit.trips import Call, Connection, Rows, Statement
from onrecord.ledger.insert import INSERT, INSERT_IF, Row, insertion
from onrecord.ledger.judged import Answer, Write, judged
from onrecord.ledger.lookup import Now, look
from onrecord.ledger.memory import Memory

LOCK_KEY: Final = 0x6F6E7265636F7264  # b"onrecord"
_LOCKED: Final = (
    Statement("BEGIN")(),
    Statement(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")(),
)
_ERASE: Final = Statement("SELECT ledger.erase($1)")
_COMMIT: Final = Statement("COMMIT")


class CommitLost(Exception):
    """The connection was lost while the transaction was being committed."""


def append(
    conn: Connection,
    writes: Sequence[Write],
    *,
    memory: Memory | None = None,
    recorded_by: str = "local",
) -> list[Answer | Refusal]:
    """Record what may be recorded of `writes`, in their order; one answer or refusal for each.

    All or nothing: when it raises, nothing of the batch is on record, but `CommitLost` leaves that
    open. Calling again with the same writes is always safe. The connection is in autocommit;
    `memory` is of what it wrote before.
    """
    memory = memory or Memory()
    requests = [one.request for one in writes]
    try:
        if supposed := memory.suppose(requests):
            answers, rows = judged(writes, supposed, recorded_by=recorded_by)
            refused = any(isinstance(one, Refusal) for one in answers)
            if not refused and _committed_if(conn, rows, supposed, memory):
                return answers
            memory.doubt()
        now = look(conn, requests, after=_LOCKED)
        answers, rows = judged(writes, now, recorded_by=recorded_by)
        _commit(conn, rows, now, memory)
    except BaseException:
        with suppress(psycopg.Error):
            conn.execute("ROLLBACK")
        raise
    return answers


def _committed_if(conn: Connection, rows: Sequence[Row], supposed: Now, memory: Memory) -> bool:
    """Write what was judged beforehand, if all is as supposed."""
    params, after = insertion(rows, supposed.frontier, supposed.recorded_at)
    insert = INSERT_IF(*params, binary.integer(supposed.frontier.size))
    *_, inserted, _ = _last(conn, *_LOCKED, insert)
    for (clock,) in inserted:
        memory.keep(supposed, after, clock)
    return bool(inserted)


def _commit(conn: Connection, rows: Sequence[Row], now: Now, memory: Memory) -> None:
    """Write what was judged under the lock, and let go of it."""
    if not rows:
        conn.trip(_COMMIT())
        return
    params, after = insertion(rows, now.frontier, now.recorded_at)
    erase = [_ERASE(binary.integer(row.seq)) for row in rows if row.fact.draft.event.erases]
    _last(conn, INSERT(*params), *erase)
    memory.keep(now, after, now.clock)


def _last(conn: Connection, *calls: Call) -> list[Rows]:
    """Commit in the trip of these, and tell an unknown outcome from all that surely failed."""
    try:
        return conn.trip(*calls, _COMMIT())
    except psycopg.Error as error:
        if conn.closed:  # else the server goes on, and said that it had not come to COMMIT
            raise CommitLost from error
        raise
