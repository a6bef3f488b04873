"""Is what writers were told, what followers saw and what the ledger holds one strict order?

`tests/e2e/test_order.py` gathers the evidence; `violations` says each thing that is wrong with it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from onrecord.domain.event import RecordedEvent
from onrecord.domain.requests import Request

from onrecord.domain.events import PositionChanged
from onrecord.kit.sql import db
from onrecord.ledger.entry import leaf_hash
from onrecord.ledger.merkle import Frontier
from onrecord.ledger.read import entries_from
from tests.support.writers import Note

Seen = tuple[tuple[int, UUID], ...]


@dataclass(frozen=True)
class Ledger:
    """All that the tables hold of the order. `commits`: size and root of each, as made."""

    events: tuple[RecordedEvent, ...]
    entries: tuple[bytes, ...]
    commits: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True)
class Evidence:
    """The ledger, what each writer asked and was told of it, and what each follower saw."""

    ledger: Ledger
    staged: frozenset[UUID]
    told: tuple[tuple[str, Request, Note], ...]
    followed: tuple[Seen, ...]


def ledger(url: str) -> Ledger:
    """Read it all."""
    with db.connect(url, role="onrecord_audit") as conn:
        rows = conn.execute("SELECT entry FROM ledger.entries ORDER BY seq")
        entries = tuple(entry for (entry,) in rows)
        # in the order in which they were written: by transaction
        commits = conn.execute(
            "SELECT size, root FROM ledger.commits ORDER BY xmin::text::bigint"
        ).fetchall()
        events = tuple(entries_from(conn, 0, 1_000_000))
    return Ledger(events, entries, tuple((size, root) for size, root in commits))


def violations(evidence: Evidence) -> list[str]:
    """Everything that is out of order, in a sentence each."""
    return [
        *_of_the_ledger(evidence.ledger),
        *_of_revisions(evidence.ledger.events),
        *_of_answers(evidence),
        *_of_followers(evidence),
    ]


def _of_the_ledger(ledger: Ledger) -> Iterator[str]:
    size = len(ledger.entries)
    if [one.seq for one in ledger.events] != list(range(size)):
        yield f"the places of {size} entries are not 0 to {size - 1}"
    for one, after in pairwise(ledger.events):
        if after.recorded_at < one.recorded_at:
            yield f"{after.seq} was recorded before {one.seq}"
    for (before, _), (after_it, _) in pairwise(ledger.commits):
        if after_it <= before:
            yield f"a commit of size {after_it} came after one of {before}"
    if not ledger.commits or ledger.commits[-1][0] != size:
        yield f"the last commit is not of the {size} entries"
    frontier = Frontier()
    for place, root in ledger.commits:
        leaves = [leaf_hash(one) for one in ledger.entries[frontier.size : place]]
        frontier = frontier.extended(leaves)
        if frontier.root() != root:
            yield f"the root of the commit of {place} is not that of its entries"


def _of_revisions(events: Sequence[RecordedEvent]) -> Iterator[str]:
    revisions: Counter[tuple[str, str]] = Counter()
    for one in events:
        if isinstance(one.event, PositionChanged):
            pair = (one.event.actor, one.event.topic)
            if one.event.expected_revision not in (None, revisions[pair]):
                yield f"{one.seq} expected another revision than {revisions[pair]} and was taken"
            revisions[pair] += 1


def _of_answers(evidence: Evidence) -> Iterator[str]:
    events = evidence.ledger.events
    nobodys = {one.id for one in events} - evidence.staged
    for who, request, note in evidence.told:
        ids = [draft.id for draft in request.events]
        if "seq" in note:
            there = events[note["seq"] : note["size"]]
            at = datetime.fromisoformat(note["at"])
            if [(one.id, one.recorded_at) for one in there] != [(one, at) for one in ids]:
                yield f"{who} was told of {note['seq']}, where its write is not"
            nobodys -= {*ids}
        elif "refused" not in note:
            yield f"{who} failed: {note.get('failed', 'it was never answered')}"
        elif note["refused"] != "revision-conflict":
            yield f"{who} was refused: {note['refused']}"
        elif note["current"] <= note["expected"]:
            yield f"{who} expected {note['expected']}, which is ahead of {note['current']}"
    if nobodys:
        yield f"{len(nobodys)} entries are on record of which nobody was told"


def _of_followers(evidence: Evidence) -> Iterator[str]:
    everything = tuple((one.seq, one.id) for one in evidence.ledger.events)
    for n, seen in enumerate(evidence.followed):
        for place, (seq, id_) in enumerate(seen):
            if everything[place : place + 1] != ((seq, id_),):
                yield f"follower {n} saw {seq} where {place} is"
                break
        else:
            if len(seen) != len(everything):
                yield f"follower {n} saw {len(seen)} of {len(everything)} entries"
