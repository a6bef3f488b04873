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
from onrecord.ledger.entry import leaf_hash
from onrecord.ledger.follow import read_entries
from onrecord.ledger.merkle import Frontier
from tests.support.writers import Note

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
    staged: frozenset[UUID]
    answers: tuple[tuple[str, Request, Note], ...]
    followed: tuple[Seen, ...]


def read_ledger(url: str) -> LedgerOrder:
    """Read all of it."""
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
    """Everything that is out of order, a sentence each."""
    return [
        *_of_the_ledger(evidence.ledger),
        *_of_revisions(evidence.ledger.events),
        *_of_answers(evidence),
        *_of_followers(evidence),
    ]


def _of_the_ledger(ledger: LedgerOrder) -> Iterator[str]:
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


def _of_revisions(events: Sequence[RecordedEvent]) -> Iterator[str]:
    revisions: Counter[tuple[str, str]] = Counter()
    for recorded in events:
        event = recorded.event
        if isinstance(event, PositionChanged):
            pair = (event.actor, event.topic)
            if event.expected_revision not in (None, revisions[pair]):
                yield f"{recorded.seq} expected a revision other than {revisions[pair]}"
            revisions[pair] += 1


def _of_answers(evidence: Evidence) -> Iterator[str]:
    events = evidence.ledger.events
    unanswered = {event.id for event in events} - evidence.staged
    for writer, request, note in evidence.answers:
        ids = [draft.id for draft in request.events]
        if "seq" in note:
            recorded = events[note["seq"] : note["size"]]
            at = datetime.fromisoformat(note["at"])
            if [(event.id, event.recorded_at) for event in recorded] != [(id_, at) for id_ in ids]:
                yield f"{writer} was answered {note['seq']}, where its write is not"
            unanswered -= {*ids}
        elif "refused" not in note:
            yield f"{writer} failed: {note.get('failed', 'it was never answered')}"
        elif note["refused"] != "revision-conflict":
            yield f"{writer} was refused: {note['refused']}"
        elif note["current"] <= note["expected"]:
            yield f"{writer} expected {note['expected']}, which is ahead of {note['current']}"
    if unanswered:
        yield f"{len(unanswered)} entries were recorded without an answer"


def _of_followers(evidence: Evidence) -> Iterator[str]:
    everything = tuple((event.seq, event.id) for event in evidence.ledger.events)
    for n, seen in enumerate(evidence.followed):
        for place, (seq, id_) in enumerate(seen):
            if everything[place : place + 1] != ((seq, id_),):
                yield f"follower {n} saw {seq} where {place} is"
                break
        else:
            if len(seen) != len(everything):
                yield f"follower {n} saw {len(seen)} of {len(everything)} entries"
