"""How do requests become entries?

One transaction for a batch of requests: take the lock, look at the head and at what the requests
name, let `domain.decisions` judge each one, number and hash what is accepted, insert it all at
once. `ledger/committer.py` calls it for the write door. Each step is a statement of its own at READ
COMMITTED: a snapshot taken before the lock was granted would not see what its last holder wrote.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import psycopg

from onrecord.domain.decisions import (
    Fact,
    Refusal,
    Request,
    decide,
)
from onrecord.kit import binary
from onrecord.kit.trips import Call, Connection, Statement
from onrecord.ledger.entry import (
    MAX_BYTES,
    Sealed,
    decode,
    encode,
    says_the_same,
    seal,
)
from onrecord.ledger.insert import Row, insertion
from onrecord.ledger.lookup import Held, Now, look

LOCK_KEY: Final = 0x6F6E7265636F7264  # b"onrecord"
_BEGIN: Final = Statement("BEGIN")
_LOCK: Final = Statement(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
_ERASE: Final = Statement("SELECT ledger.erase($1)")
_COMMIT: Final = Statement("COMMIT")


class CommitLost(Exception):
    """The connection was lost while the transaction was being committed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a writer is told: its event, those appended along, and the size that includes them."""

    event: UUID
    along: tuple[UUID, ...]
    seq: int
    size: int
    recorded_at: datetime
    repeated: bool = False


class Write(NamedTuple):
    """A request, and its events sealed: made before the lock is asked for, by whoever asks."""

    request: Request
    sealed: tuple[Sealed, ...]


def prepared(request: Request) -> Write:
    """Make a request ready to be appended."""
    return Write(request, tuple(seal(draft) for draft in request.drafts))


def append(
    conn: Connection, writes: Sequence[Write], *, recorded_by: str = "local"
) -> list[Answer | Refusal]:
    """Record what may be recorded of `writes`, in their order; one answer or refusal for each.

    All or nothing: when it raises, nothing of the batch is on record, but `CommitLost` leaves that
    open. Calling again with the same writes is always safe. The connection is in autocommit.
    """
    answers: list[Answer | Refusal] = []
    rows: list[Row] = []
    try:
        now = look(conn, [one.request for one in writes], after=(_BEGIN(), _LOCK()))
        for one in writes:
            answer = _repeated(one.request, now.seen)
            if answer is None:
                facts = decide(one.request, now.state)
                if isinstance(facts, Refusal):
                    answer = facts
                else:
                    answer = _numbered(one, facts, now, recorded_by, rows)
                    if isinstance(answer, Answer):
                        now.state.take(facts)
            answers.append(answer)
        _commit(conn, list(_changes(rows, now)))
    except BaseException:
        with suppress(psycopg.Error):
            conn.execute("ROLLBACK")
        raise
    return answers


def _changes(rows: Sequence[Row], now: Now) -> Iterator[Call]:
    if rows:
        yield insertion(rows, now.frontier, now.recorded_at)
    for row in rows:
        if row.fact.draft.event.erases:
            yield _ERASE(binary.integer(row.seq))


def _commit(conn: Connection, changes: Sequence[Call]) -> None:
    """Change and commit in one trip, and tell an unknown outcome from all that surely failed."""
    try:
        conn.trip(*changes, _COMMIT())
    except psycopg.Error as error:
        if conn.closed:  # else the server goes on, and said that it had not come to COMMIT
            raise CommitLost from error
        raise


def _repeated(request: Request, seen: Mapping[UUID, Held]) -> Answer | Refusal | None:
    """The first answer again, if this request is on record already; a refusal if another one is."""
    first = seen.get(request.id)
    if first is None:
        taken = [draft.at for draft in request.drafts[1:] if draft.id in seen]
        faults = [(at, "would have an id that is on record already") for at in taken]
        return Refusal("id-reused", tuple(faults)) if taken else None
    seq = first.seq
    # An id along can be worked out, so it may be another write's own; what came along came next.
    found = [seen.get(draft.id) for draft in request.drafts]
    beyond = seen.get(request.beyond)
    more = beyond is not None and beyond.seq == seq + len(request.drafts)
    same = not more and all(
        held is not None
        and held.seq == seq + n
        and says_the_same(held.entry, held.payloads, draft.event)
        for n, (held, draft) in enumerate(zip(found, request.drafts, strict=True))
    )
    if same:
        return _answer(request, seq, decode(first.entry, {}).recorded_at, repeated=True)
    if request.drafts[0].event.makes in ("actor", "topic"):
        return Refusal("slug-taken", (("/id", "is on record with another body"),))
    return Refusal("id-reused", (("/id", "is on record with another body"),))


def _numbered(
    write: Write, facts: Sequence[Fact], now: Now, recorded_by: str, rows: list[Row]
) -> Answer | Refusal:
    new: list[Row] = []
    seq = now.frontier.size + len(rows)
    for place, (fact, sealed) in enumerate(zip(facts, write.sealed, strict=True), start=seq):
        entry = encode(
            sealed, fact.touches, seq=place, recorded_at=now.stamp, recorded_by=recorded_by
        )
        if len(entry) > MAX_BYTES:
            fault = f"names too much: {len(entry)} bytes of ids and codes, {MAX_BYTES} fit an entry"
            return Refusal("entry-too-large", ((fact.draft.at, fault),))
        new.append(Row(place, fact, entry, sealed.payloads))
    for row in new:
        now.seen[row.fact.draft.id] = Held(row.seq, row.entry, row.payloads)
    rows += new
    return _answer(write.request, seq, now.recorded_at)


def _answer(request: Request, seq: int, recorded_at: datetime, *, repeated: bool = False) -> Answer:
    return Answer(
        event=request.id,
        along=tuple([draft.id for draft in request.drafts[1:]]),
        seq=seq,
        size=seq + len(request.drafts),
        recorded_at=recorded_at,
        repeated=repeated,
    )
