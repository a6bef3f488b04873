"""How do requests become entries?

One transaction for a batch of requests: take the lock, look at the head and at what the requests
name, have each one judged, number and hash what is accepted, insert it all at once.
Each step is a statement of its own at READ
COMMITTED: a snapshot taken before the lock was granted would not see what its last holder wrote.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psycopg

from onrecord.domain.decisions import Refusal
from onrecord.kit.sql import binary
from onrecord.kit.sql.pipeline import Connection, Statement
from onrecord.ledger.evaluate import Answer, Judging, Write
from onrecord.ledger.insert import INSERT, insertion
from onrecord.ledger.lookup import look

LOCK_KEY: Final = 0x6F6E7265636F7264  # b"onrecord"
_BEGIN: Final = Statement("BEGIN")
_LOCK: Final = Statement(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
_ERASE: Final = Statement("SELECT ledger.erase($1)")
_COMMIT: Final = Statement("COMMIT")


class CommitLost(Exception):
    """The connection was lost while the transaction was being committed."""


def append(conn: Connection, writes: Sequence[Write]) -> list[Answer | Refusal]:
    """Record what may be recorded of `writes`, in their order; one answer or refusal for each.

    All or nothing: when it raises, nothing of the batch is on record, but `CommitLost` leaves that
    open. Calling again with the same writes is always safe. The connection is in autocommit.
    """
    try:
        now, head = look(conn, [one.request for one in writes], after=(_BEGIN(), _LOCK()))
        judging = Judging(now)
        for one in writes:
            judging.add(one)
        rows = judging.rows
        if not rows:
            conn.trip(_COMMIT())
            return judging.answers
        params, _ = insertion(rows, head.frontier, now.recorded_at)
    except BaseException:
        with suppress(psycopg.Error):
            conn.execute("ROLLBACK")
        raise
    erase = [_ERASE(binary.integer(row.seq)) for row in rows if row.fact.draft.event.erases]
    try:
        conn.trip(INSERT(*params), *erase, _COMMIT())
    except psycopg.Error as error:
        if conn.closed:  # else the server goes on, and said that it had not come to COMMIT
            raise CommitLost from error
        conn.execute("ROLLBACK")
        raise
    return judging.answers
