"""Appending a batch of requests to the ledger, in one transaction and two round trips.

The first round trip takes the lock and reads the end of the ledger and the entities that the
requests name. Then each request is evaluated, numbered and encoded. The second round trip inserts
what was accepted, and commits. Used by `writer`.

Each step is a statement of its own, at READ COMMITTED: a snapshot that was taken before the lock
was granted does not contain what its last holder committed.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import RawCursor

from onrecord.domain.requests import Refusal
from onrecord.ledger.evaluate import Answer, BatchEvaluator, Write
from onrecord.ledger.insert import INSERT, INSERT_SUBTREES, insert_params
from onrecord.ledger.lookup import read_locked_ledger

LOCK_KEY: Final = 0x6F6E7265636F7264  # b"onrecord"
_LOCK: Final = f"SELECT pg_advisory_xact_lock({LOCK_KEY})"
_ERASE: Final = "SELECT ledger.erase($1::bigint)"


class CommitLost(Exception):
    """The connection was lost after COMMIT may have been sent: the outcome is open."""


def append(conn: psycopg.Connection[Any], writes: Sequence[Write]) -> list[Answer | Refusal]:
    """Record the writes that are accepted, in their order; an answer or a refusal for each.

    All or nothing: when it raises, nothing of the batch is on record, except that `CommitLost`
    leaves that open. Repeating a call with the same writes is always safe. The connection must be
    in autocommit.
    """
    cursor = RawCursor(conn)
    committing = False
    try:
        with conn.pipeline() as pipeline:
            cursor.execute("BEGIN")
            cursor.execute(_LOCK)
            requests = [write.request for write in writes]
            ledger = read_locked_ledger(cursor, pipeline, requests)
            evaluator = BatchEvaluator(ledger)
            for write in writes:
                evaluator.evaluate(write)
            if evaluator.entries:
                params, subtrees = insert_params(evaluator.entries, ledger)
                committing = True
                cursor.execute(INSERT, params, prepare=True)
                if subtrees:
                    cursor.execute(INSERT_SUBTREES, subtrees)
            for entry in evaluator.entries:
                if entry.fact.proposed.event.erases:
                    cursor.execute(_ERASE, [entry.seq])
            cursor.execute("COMMIT")
    except BaseException as error:
        if committing and conn.closed:
            raise CommitLost from error
        with suppress(psycopg.Error):  # the server reported the error, so COMMIT was not executed
            cursor.execute("ROLLBACK")
        raise
    return evaluator.answers
