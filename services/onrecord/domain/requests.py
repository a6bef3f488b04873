"""Write requests: the events that a client wants recorded, and why a request is refused.

Built by `ingest` and by the dry run of an import, evaluated by `decisions`. The ledger asks a
request for the ids and revisions that it has to look up before `decisions` can evaluate it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from uuid import UUID

from onrecord.domain.event import Event
from onrecord.domain.events import (
    ActorMerged,
    FindingDismissed,
    PositionChanged,
    PositionCorrected,
)
from onrecord.domain.ids import additional_event_id, entity_id
from onrecord.domain.payload import Reference, references


class Pair(NamedTuple):
    """An actor and a topic. The positions of a pair share one revision number."""

    actor: str
    topic: str

    def __str__(self) -> str:
        return f"{self.actor}/{self.topic}"


@dataclass(frozen=True, slots=True)
class ProposedEvent:
    """An event that a request would append. `pointer`: its place in the body of the request.

    The UUID of its subject, its references and their UUIDs are computed once, before the ledger's
    lock is taken: under the lock they are needed several times.
    """

    id: UUID
    event: Event
    pointer: str = ""
    subject: UUID = field(init=False, compare=False, repr=False)
    references: Sequence[Reference] = field(init=False, compare=False, repr=False)
    referenced_ids: Sequence[UUID] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        refs = references(self.event, at=self.pointer)
        object.__setattr__(self, "subject", self.event.subject(self.id))
        object.__setattr__(self, "references", refs)
        object.__setattr__(self, "referenced_ids", [entity_id(ref.kind, ref.name) for ref in refs])


@dataclass(frozen=True, slots=True)
class Request:
    """What one client wants recorded, all or nothing. The first event is the request's own."""

    events: tuple[ProposedEvent, ...]

    @property
    def id(self) -> UUID:
        return self.events[0].id

    @property
    def next_additional_id(self) -> UUID:
        """The id that one more additional event would have.

        If it is on record, the request was recorded with a longer body.
        """
        return additional_event_id(self.id, len(self.events) - 1)


RefusalReason = Literal[
    "unknown-reference",
    "unknown-target",
    "already-retracted",
    "merged",
    "not-merged",
    "self-reference",
    "id-reused",
    "slug-taken",
    "revision-conflict",
    "entry-too-large",
    "future-date",
    "finding-changed",
    "invalid",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not recorded.

    `errors`: pointers into the body of the request, each with a message. `unknown_references`: the
    references to entities that are not on record. `details`: values for the text of the problem.
    """

    reason: RefusalReason
    errors: tuple[tuple[str, str], ...] = ()
    unknown_references: tuple[Reference, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def referenced_ids(request: Request) -> Iterator[UUID]:
    """The entities of which `decide` must know whether they are on record."""
    for proposed in request.events:
        yield proposed.subject
        yield from proposed.referenced_ids


def amended_ids(request: Request) -> Iterator[UUID]:
    """The entities of which `decide` must know the whole `Entity`, not its kind alone."""
    for proposed in request.events:
        event = proposed.event
        if event.amends or event.erases:
            yield proposed.subject
        if type(event) is ActorMerged:
            yield entity_id("actor", event.into)
        if type(event) is PositionChanged and event.expected_revision is not None:
            yield entity_id("actor", event.actor)
        if type(event) is FindingDismissed:
            yield from event.about


def numbered_pairs(request: Request) -> Iterator[Pair]:
    """The pairs of positions that a request records or corrects, of which the revision is needed.

    A correction or retraction also counts for the pair that its position was about before.
    """
    for proposed in request.events:
        event = proposed.event
        if type(event) is PositionChanged:
            yield Pair(event.actor, event.topic)
        elif type(event) is PositionCorrected:
            yield Pair(event.replacement.actor, event.replacement.topic)


def amended_positions(request: Request) -> Iterator[UUID]:
    """The positions that a request corrects or retracts."""
    for proposed in request.events:
        if proposed.event.amends == "position":
            yield proposed.subject


def dismissals(request: Request) -> Iterator[FindingDismissed]:
    """The dismissals of findings in a request."""
    for proposed in request.events:
        if type(proposed.event) is FindingDismissed:
            yield proposed.event
