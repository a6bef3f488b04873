"""Evaluation of the requests of a batch over the ledger as it is under the lock.

A request that is on record already gets its first answer again. `domain.decisions` decides about
all others, and what it accepts is numbered and encoded. Used by `append`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from onrecord.domain.dates import format_instant
from onrecord.domain.decisions import AcceptedEvent, decide
from onrecord.domain.requests import Pair, Refusal, Request
from onrecord.ledger.entry import (
    MAX_BYTES,
    SealedEvent,
    decode,
    encode,
    records_event,
    seal,
)
from onrecord.ledger.insert import NewEntry
from onrecord.ledger.lookup import LockedLedger, StoredEntry

LOCAL: Final = "local"
"""`recorded_by` of what a command records with direct access to the database, without a key."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A recorded request: its event, those appended along, and the size that includes them."""

    event: UUID
    along: tuple[UUID, ...]
    seq: int
    size: int
    recorded_at: datetime
    repeated: bool = False


class Write(NamedTuple):
    """A request with its events sealed, which is done before the lock is taken.

    `recorded_by`: the id of the key with which it was sent, or `LOCAL`.
    """

    request: Request
    sealed: tuple[SealedEvent, ...]
    recorded_by: str


def seal_request(request: Request, recorded_by: str = LOCAL) -> Write:
    """Seal the events of a request."""
    return Write(request, tuple(seal(draft) for draft in request.events), recorded_by)


class BatchEvaluator:
    """Evaluates writes in turn, each over what those before it changed.

    `answers`: an answer or a refusal for each. `entries`: what is to be inserted.
    """

    def __init__(self, ledger: LockedLedger) -> None:
        self.ledger = ledger
        self.answers: list[Answer | Refusal] = []
        self.entries: list[NewEntry] = []
        self._timestamp = format_instant(ledger.state.recorded_at)

    def evaluate(self, write: Write) -> None:
        """Evaluate the next write."""
        answer = _find_repeat(write.request, self.ledger.entries) or self._decide(write)
        self.answers.append(answer)

    def _decide(self, write: Write) -> Answer | Refusal:
        facts = decide(write.request, self.ledger.state)
        if isinstance(facts, Refusal):
            return facts
        answer = self._encode(write, facts)
        if isinstance(answer, Answer):
            self.ledger.state.apply(facts)
        return answer

    def _encode(self, write: Write, facts: Sequence[AcceptedEvent]) -> Answer | Refusal:
        new: list[NewEntry] = []
        first = self.ledger.frontier.size + len(self.entries)
        counts: dict[Pair, int] = {}
        for seq, (fact, sealed) in enumerate(zip(facts, write.sealed, strict=True), start=first):
            for pair in fact.pairs:
                counts[pair] = counts.get(pair, self.ledger.state.revisions[pair]) + 1
            entry = encode(
                sealed,
                fact.touches,
                seq=seq,
                recorded_at=self._timestamp,
                recorded_by=write.recorded_by,
                revisions={str(pair): counts[pair] for pair in fact.pairs},
            )
            if len(entry) > MAX_BYTES:
                fault = (
                    f"names too much: {len(entry)} bytes of ids and codes, {MAX_BYTES} fit an entry"
                )
                return Refusal("entry-too-large", ((fact.proposed.pointer, fault),))
            new.append(NewEntry(seq, fact, entry, sealed.payloads))
        for entry_ in new:
            stored = StoredEntry(entry_.seq, entry_.entry, entry_.payloads)
            self.ledger.entries[entry_.fact.proposed.id] = stored
        self.entries += new
        return _answer(write.request, first, self.ledger.state.recorded_at)


def _find_repeat(request: Request, entries: Mapping[UUID, StoredEntry]) -> Answer | Refusal | None:
    """The first answer again if the request is on record; a refusal if its id is
    on record with another body.

    None if it is new.
    """
    first = entries.get(request.id)
    if first is None:
        taken = [draft.pointer for draft in request.events[1:] if draft.id in entries]
        faults = [(at, "would have an id that is on record already") for at in taken]
        return Refusal("id-reused", tuple(faults)) if taken else None
    if _is_repeat(request, first.seq, entries):
        recorded_at = decode(first.entry, {}).recorded_at
        return _answer(request, first.seq, recorded_at, repeated=True)
    fault = ("/id", "is on record with another body")
    if request.events[0].event.makes in ("actor", "topic"):
        return Refusal("slug-taken", (fault,))
    return Refusal("id-reused", (fault,))


def _is_repeat(request: Request, first: int, entries: Mapping[UUID, StoredEntry]) -> bool:
    """Whether the events of a request, and no more, are the entries from seq `first` on.

    The id of an event that is appended along can be computed by anybody, so it may belong to
    another write; the seq tells them apart, as what is appended along follows at once.
    """
    beyond = entries.get(request.next_additional_id)
    if beyond is not None and beyond.seq == first + len(request.events):
        return False
    for seq, draft in enumerate(request.events, start=first):
        stored = entries.get(draft.id)
        if stored is None or stored.seq != seq:
            return False
        if not records_event(stored.entry, stored.payloads, draft.event):
            return False
    return True


def _answer(request: Request, seq: int, recorded_at: datetime, *, repeated: bool = False) -> Answer:
    return Answer(
        event=request.id,
        along=tuple([draft.id for draft in request.events[1:]]),
        seq=seq,
        size=seq + len(request.events),
        recorded_at=recorded_at,
        repeated=repeated,
    )
