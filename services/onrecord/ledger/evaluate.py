"""What comes of each request of a batch, over the ledger as the batch finds it?

Called by `append` and `committer`: what is on record already is answered from there,
`domain.decisions` judges all else, and what it accepts is numbered and written as bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from onrecord.domain.decisions import AcceptedEvent, decide
from onrecord.domain.requests import Refusal, Request
from onrecord.ledger.entry import (
    MAX_BYTES,
    Sealed,
    decode,
    encode,
    says_the_same,
    seal,
    stamp,
)
from onrecord.ledger.insert import Row
from onrecord.ledger.lookup import Held, Now

RECORDED_BY: Final = "local"
"""The key's id, before there are keys."""


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
    return Write(request, tuple(seal(draft) for draft in request.events))


class Judging:
    """Judges requests one by one, each over what the ones before it changed.

    `answers`: an answer or a refusal for each. `rows`: what is to be inserted.
    """

    def __init__(self, now: Now) -> None:
        self.now = now
        self.answers: list[Answer | Refusal] = []
        self.rows: list[Row] = []
        self._stamp = stamp(now.recorded_at)

    def add(self, one: Write) -> None:
        """Judge one more."""
        self.answers.append(_repeated(one.request, self.now.seen) or self._new(one))

    def _new(self, one: Write) -> Answer | Refusal:
        facts = decide(one.request, self.now.state)
        if isinstance(facts, Refusal):
            return facts
        numbered = self._numbered(one, facts)
        if isinstance(numbered, Answer):
            self.now.state.apply(facts)
        return numbered

    def _numbered(self, write: Write, facts: Sequence[AcceptedEvent]) -> Answer | Refusal:
        new: list[Row] = []
        seq = self.now.size + len(self.rows)
        for place, (fact, sealed) in enumerate(zip(facts, write.sealed, strict=True), start=seq):
            entry = encode(
                sealed,
                fact.touches,
                seq=place,
                recorded_at=self._stamp,
                recorded_by=RECORDED_BY,
            )
            if len(entry) > MAX_BYTES:
                fault = (
                    f"names too much: {len(entry)} bytes of ids and codes, {MAX_BYTES} fit an entry"
                )
                return Refusal("entry-too-large", ((fact.proposed.pointer, fault),))
            new.append(Row(place, fact, entry, sealed.payloads))
        for row in new:
            self.now.seen[row.fact.proposed.id] = Held(row.seq, row.entry, row.payloads)
        self.rows += new
        return _answer(write.request, seq, self.now.recorded_at)


def _repeated(request: Request, seen: Mapping[UUID, Held]) -> Answer | Refusal | None:
    """The first answer again, if this request is on record already; a refusal if another one is."""
    first = seen.get(request.id)
    if first is None:
        taken = [draft.at for draft in request.events[1:] if draft.id in seen]
        faults = [(at, "would have an id that is on record already") for at in taken]
        return Refusal("id-reused", tuple(faults)) if taken else None
    seq = first.seq
    # An id along can be worked out, so it may be another write's own; what came along came next.
    found = [seen.get(draft.id) for draft in request.events]
    beyond = seen.get(request.next_additional_id)
    more = beyond is not None and beyond.seq == seq + len(request.events)
    same = not more and all(
        held is not None
        and held.seq == seq + n
        and says_the_same(held.entry, held.payloads, draft.event)
        for n, (held, draft) in enumerate(zip(found, request.events, strict=True))
    )
    if same:
        return _answer(request, seq, decode(first.entry, {}).recorded_at, repeated=True)
    if request.events[0].event.makes in ("actor", "topic"):
        return Refusal("slug-taken", (("/id", "is on record with another body"),))
    return Refusal("id-reused", (("/id", "is on record with another body"),))


def _answer(request: Request, seq: int, recorded_at: datetime, *, repeated: bool = False) -> Answer:
    return Answer(
        event=request.id,
        along=tuple([draft.id for draft in request.events[1:]]),
        seq=seq,
        size=seq + len(request.events),
        recorded_at=recorded_at,
        repeated=repeated,
    )
