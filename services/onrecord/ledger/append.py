"""How do requests become entries?

One transaction for a batch of requests: take the lock, look at the head and at what the requests
name, have each one judged, number and hash what is accepted, insert it all at once.
`ledger/committer.py` calls it for the write door. Each step is a statement of its own at READ
COMMITTED: a snapshot taken before the lock was granted would not see what its last holder wrote.
A writer who writes alone need not look: see `memory`.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import psycopg

from onrecord.domain.requests import Refusal
from onrecord.kit.sql import binary
from onrecord.kit.sql.pipeline import SYNC, Connection, Rows, Statement, Trip
from onrecord.ledger.evaluate import Answer, Judging, Write
from onrecord.ledger.insert import INSERT, INSERT_IF, insertion
from onrecord.ledger.lookup import Head, look
from onrecord.ledger.memory import Memory
from onrecord.ledger.merkle import Frontier

LOCK_KEY: Final = 0x6F6E7265636F7264  # b"onrecord"
_BEGIN: Final = Statement("BEGIN")
_LOCK: Final = Statement(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
_ERASE: Final = Statement("SELECT ledger.erase($1)")
_COMMIT: Final = Statement("COMMIT")

AT_ONCE: Final = 65_536
"""Bytes that any socket takes though nobody reads them yet."""


class CommitLost(Exception):
    """The connection was lost while the transaction was being committed."""


class Flight(NamedTuple):
    """A batch that was judged beforehand and sent, to be written if all is as supposed."""

    judging: Judging
    frontier: Frontier
    after: Frontier
    place: int
    """Which of the statements that are sent inserts it."""
    trip: Trip


def append(
    conn: Connection, writes: Sequence[Write], *, memory: Memory | None = None
) -> list[Answer | Refusal]:
    """Record what may be recorded of `writes`, in their order; one answer or refusal for each.

    All or nothing: when it raises, nothing of the batch is on record, but `CommitLost` leaves that
    open. Calling again with the same writes is always safe. The connection is in autocommit;
    `memory` is of what it wrote before.
    """
    memory = memory or Memory()
    judging = beforehand(writes, memory)
    flight = depart(conn, judging, memory) if judging else None
    answers = land(conn, flight, memory) if flight else None
    return ask(conn, writes, memory) if answers is None else answers


def beforehand(writes: Sequence[Write], memory: Memory) -> Judging | None:
    """Judge a batch over what the memory supposes; None where it does not suffice."""
    if (now := memory.suppose()) is None:
        return None
    judging = Judging(now)
    for one in writes:
        if not memory.meet(one.request, now.state):
            return None
        judging.add(one)
    return judging


def depart(conn: Connection, judging: Judging, memory: Memory) -> Flight | None:
    """Send what was judged beforehand, unless it is nothing or known already not to be as supposed.

    The statements of a trip without BEGIN are one transaction, committed at its end; which does
    where the wire takes all of it at once. Else a writer may be frozen before all of it is sent,
    and then loses the lock as one that asks does.
    """
    now, frontier = judging.now, memory.end(judging.now)
    if frontier is None or not judging.rows:  # all of its writers may have gone away
        return None
    if any(isinstance(one, Refusal) for one in judging.answers):
        return None  # a refusal may be one of what the memory lacks
    params, after = insertion(judging.rows, frontier, now.recorded_at)
    insert = INSERT_IF(*params, binary.integer(now.size))
    if sum(map(len, params)) <= AT_ONCE:
        return Flight(judging, frontier, after, 1, conn.send(_LOCK(), insert))
    trip = conn.send(_BEGIN(), _LOCK(), SYNC, insert, _COMMIT())
    return Flight(judging, frontier, after, 2, trip)


def land(conn: Connection, flight: Flight, memory: Memory) -> list[Answer | Refusal] | None:
    """The answers of what was sent, once it is written; None if not. Raises as `append` does."""
    inserted = _committed(conn, flight.trip)[flight.place]
    for (clock,) in inserted:
        memory.keep(flight.judging.now, Head(flight.frontier, clock), flight.after)
        return flight.judging.answers
    memory.doubt()
    return None


def ask(conn: Connection, writes: Sequence[Write], memory: Memory) -> list[Answer | Refusal]:
    """`append`, over what is on record."""
    memory.leave(None)
    try:
        now, head = look(conn, [one.request for one in writes], after=(_BEGIN(), _LOCK()))
        judging = Judging(now)
        for one in writes:
            judging.add(one)
        rows = judging.rows
        if not rows:
            conn.trip(_COMMIT())
            return judging.answers
        params, after = insertion(rows, head.frontier, now.recorded_at)
    except BaseException:
        with suppress(psycopg.Error):
            conn.execute("ROLLBACK")
        raise
    erase = [_ERASE(binary.integer(row.seq)) for row in rows if row.fact.proposed.event.erases]
    _committed(conn, conn.send(INSERT(*params), *erase, _COMMIT()))
    memory.keep(now, head, after)
    return judging.answers


def _committed(conn: Connection, trip: Trip) -> list[Rows]:
    """Wait for a trip that ends with COMMIT; tells an unknown outcome from all that surely failed.

    In the latter case it is rolled back.
    """
    try:
        return trip.rows()
    except psycopg.Error as error:
        if conn.closed:  # else the server goes on, and said that it had not come to COMMIT
            raise CommitLost from error
        conn.execute("ROLLBACK")
        raise
