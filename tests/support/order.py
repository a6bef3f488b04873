"""Checks of the ledger's order: entries, answers to writers, and what followers read must agree.

`tests/e2e/test_order.py` collects the evidence; `violations` lists what is wrong with it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from onrecord.domain.event import RecordedEvent
from onrecord.domain.events import PositionChanged
from onrecord.domain.requests import Request
from onrecord.kit.sql import db
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.ledger.follow import read_entries
from onrecord.ledger.merkle import Frontier
from tests.support.writers import LogRecord

Seen = tuple[tuple[int, UUID], ...]


@dataclass(frozen=True)
class LedgerOrder:
    """The ledger's tables as far as they show its order. `commits`: size and root of each."""

    events: tuple[RecordedEvent, ...]
    entries: tuple[bytes, ...]
    commits: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True)
class Evidence:
    """The ledger, each writer's requests with the answers to them, and what each follower read."""

    ledger: LedgerOrder
    seeded: frozenset[UUID]
    answers: tuple[tuple[str, Request, LogRecord], ...]
    followed: tuple[Seen, ...]


def read_ledger(url: str) -> LedgerOrder:
    """Read the whole ledger."""
    with db.connect(url, role="onrecord_audit") as conn:
        rows = conn.execute("SELECT entry FROM ledger.entries ORDER BY seq")
        entries = tuple(entry for (entry,) in rows)
        # in the order of their transactions
        commits = conn.execute(
            "SELECT size, root FROM ledger.commits ORDER BY xmin::text::bigint"
        ).fetchall()
        events = tuple(read_entries(conn, 0, 1_000_000))
    return LedgerOrder(events, entries, tuple((size, root) for size, root in commits))


def violations(evidence: Evidence) -> list[str]:
    """A sentence for each violation of the order."""
    return [
        *_ledger_violations(evidence.ledger),
        *_revision_violations(evidence.ledger.events),
        *_answer_violations(evidence),
        *_follower_violations(evidence),
    ]


def _ledger_violations(ledger: LedgerOrder) -> Iterator[str]:
    size = len(ledger.entries)
    if [event.seq for event in ledger.events] != list(range(size)):
        yield f"the places of {size} entries are not 0 to {size - 1}"
    for event, following in pairwise(ledger.events):
        if following.recorded_at < event.recorded_at:
            yield f"{following.seq} was recorded before {event.seq}"
    for (size_before, _), (size_after, _) in pairwise(ledger.commits):
        if size_after <= size_before:
            yield f"a commit of size {size_after} came after a commit of {size_before}"
    if not ledger.commits or ledger.commits[-1][0] != size:
        yield f"the last commit is not of the {size} entries"
    frontier = Frontier()
    for place, root in ledger.commits:
        leaves = [leaf_hash(entry) for entry in ledger.entries[frontier.size : place]]
        frontier = frontier.extended(leaves)
        if frontier.root() != root:
            yield f"the root of the commit of {place} is not that of its entries"


def _revision_violations(events: Sequence[RecordedEvent]) -> Iterator[str]:
    revisions: Counter[tuple[str, str]] = Counter()
    for recorded in events:
        event = recorded.event
        if isinstance(event, PositionChanged):
            pair = (event.actor, event.topic)
            if event.expected_revision not in (None, revisions[pair]):
                yield f"{recorded.seq} expected a revision other than {revisions[pair]}"
            revisions[pair] += 1


def _answer_violations(evidence: Evidence) -> Iterator[str]:
    events = evidence.ledger.events
    unanswered = {event.id for event in events} - evidence.seeded
    for writer, request, record in evidence.answers:
        ids = [draft.id for draft in request.events]
        if "seq" in record:
            recorded = events[record["seq"] : record["size"]]
            at = datetime.fromisoformat(record["at"])
            if [(event.id, event.recorded_at) for event in recorded] != [(id_, at) for id_ in ids]:
                yield f"{writer} was answered {record['seq']}, where its write is not"
            unanswered -= {*ids}
        elif "refused" not in record:
            yield f"{writer} failed: {record.get('failed', 'it was never answered')}"
        elif record["refused"] != "revision-conflict":
            yield f"{writer} was refused: {record['refused']}"
        elif record["current"] <= record["expected"]:
            yield f"{writer} expected {record['expected']}, which is ahead of {record['current']}"
    if unanswered:
        yield f"{len(unanswered)} entries were recorded without an answer"


def _follower_violations(evidence: Evidence) -> Iterator[str]:
    everything = tuple((event.seq, event.id) for event in evidence.ledger.events)
    for n, seen in enumerate(evidence.followed):
        for place, (seq, id_) in enumerate(seen):
            if everything[place : place + 1] != ((seq, id_),):
                yield f"follower {n} saw {seq} where {place} is"
                break
        else:
            if len(seen) != len(everything):
                yield f"follower {n} saw {len(seen)} of {len(everything)} entries"
