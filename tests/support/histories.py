"""Random histories of a record, for Hypothesis.

A `History` lists the requests to the ledger, in batches. It refers to entities by number,
so that it can be recorded any number of times in the same ledger: `batches` makes the requests,
and every id and slug in them has the tag of its `Cast`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid5

from hypothesis import strategies as st

from onrecord.domain.event import Event
from onrecord.domain.events import (
    ActorMerged,
    ActorRegistered,
    ActorRevised,
    ActorUnmerged,
    PositionChanged,
    PositionCorrected,
    PositionRetracted,
    StatementCorrected,
    StatementMade,
    StatementRetracted,
    TopicRegistered,
    TopicRevised,
)
from onrecord.domain.ids import additional_event_id
from onrecord.domain.requests import ProposedEvent, Request
from onrecord.domain.stances import CONDITIONAL, STANCES

ROOT: Final = UUID("0d9a43a5-6a2c-5d0e-8f53-9d8c2f6b7a10")
ACTORS: Final = 3
TOPICS: Final = 2


@dataclass(frozen=True)
class Move:
    """A request to the ledger. `number` picks a target among the entities on record."""

    what: str
    number: int
    positions: tuple[dict[str, Any], ...]
    words: str
    said_at: str
    actor: int
    topic: int
    basis: int


@dataclass(frozen=True)
class History:
    """The requests, and how many of them go into each batch."""

    moves: tuple[Move, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Cast:
    """Slugs and ids of a history that is recorded under a tag."""

    tag: str

    @property
    def actors(self) -> list[str]:
        return [f"{self.tag}-a{n}" for n in range(ACTORS)]

    @property
    def topics(self) -> list[str]:
        return [f"{self.tag}-t{n}" for n in range(TOPICS)]

    def id(self, n: int) -> UUID:
        return uuid5(ROOT, f"{self.tag}/{n}")


def day(year: int, month: int, day: int) -> str:
    return f"{year:04}-{month:02}-{day:02}"


DAYS = st.builds(day, st.sampled_from([2021, 2022]), st.integers(1, 3), st.integers(1, 28))
INSTANTS = st.builds(
    "{}T{}{}{}".format,
    DAYS,
    st.sampled_from(["00:00:00", "23:59:59", "12:30:00"]),
    st.sampled_from(["", ".5", ".999999"]),
    st.sampled_from(["Z", "+00:00", "+05:45", "-11:00"]),
)
OVERLAPPING_DATES = st.sampled_from(
    [
        *("2022", "2022-01", "2022-01-31", "2022-01-31T12:30:00Z", "2022-02", "2022-02-01"),
        *("2022-02-01T00:00:00Z", "2022-01-31T23:59:59.999999Z", "2022-01-01"),
    ]
)
"""A few dates that lie within, beside and upon each other: most histories use these."""
ANY_DATE = st.one_of(
    st.builds("{}-{:02}".format, st.sampled_from([2021, 2022]), st.integers(1, 12)),
    DAYS,
    INSTANTS,
    st.sampled_from(["0001", "0001-01-01", "9999", "9999-12-31T23:59:59.999999Z"]),
)
AS_OF: Final = st.one_of(OVERLAPPING_DATES, OVERLAPPING_DATES, ANY_DATE)
"""Values of `as_of` in a read."""
EFFECTIVE: Final = st.one_of(OVERLAPPING_DATES, OVERLAPPING_DATES, AS_OF, AS_OF.map("../{}".format))
"""Dates that may be on record, of every form."""
ORDERS: Final = st.sampled_from([0, 0, 0, 1, -1, 2**31 - 1, -(2**31)])
MOSTLY_FIRST: Final = st.sampled_from([0, 0, 0, 1])
"""Which of the actors or topics: mostly the first, so that its timeline grows long."""


@st.composite
def position_drafts(draw: st.DrawFn) -> dict[str, Any]:
    """A stance, with or without a condition, from a date on; actor and topic are numbers."""
    stance = draw(st.sampled_from(STANCES))
    conditions = [None, "peace", "pay"] if stance in CONDITIONAL else [None]
    return {
        "actor": draw(MOSTLY_FIRST),
        "topic": draw(MOSTLY_FIRST),
        "stance": stance,
        "condition": draw(st.sampled_from(conditions)),
        "effective": draw(EFFECTIVE),
        "order": draw(ORDERS),
    }


MOVES: Final = st.builds(
    Move,
    what=st.sampled_from(
        [
            *["position"] * 5,
            *["statement", "both", "both"],
            *["correct-position"] * 4,
            *["retract-position"] * 2,
            *["correct-statement", "retract-statement", "revise-actor", "revise-topic"],
            *["merge-actor", "unmerge-actor"],
        ]
    ),
    number=st.integers(0, 8),
    positions=st.lists(position_drafts(), min_size=1, max_size=2).map(tuple),
    words=st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12
    ).map("“{}”".format),
    said_at=EFFECTIVE.filter(lambda date: "9999" not in date),  # it would be refused
    actor=MOSTLY_FIRST,
    topic=MOSTLY_FIRST,
    basis=st.integers(0, 30),
)


def histories(shortest: int = 1, longest: int = 24) -> st.SearchStrategy[History]:
    """Histories of this many moves, which make about as many requests."""
    return st.builds(
        History,
        moves=st.lists(MOVES, min_size=shortest, max_size=longest).map(tuple),
        sizes=st.lists(st.integers(1, 6), min_size=1, max_size=8).map(tuple),
    )


def batches(history: History, cast: Cast) -> Iterator[list[Request]]:
    """The requests of a history, registrations first, in its batches."""
    requests = iter([*_registrations(cast), *_requests(history, cast)])
    turn = 0
    while batch := list(islice(requests, history.sizes[turn % len(history.sizes)])):
        yield batch
        turn += 1


def request(id_: UUID, *events: Event) -> Request:
    """A request to append an event, and others along with it."""
    along = (
        ProposedEvent(additional_event_id(id_, n), event, f"/along/{n}")
        for n, event in enumerate(events[1:])
    )
    return Request((ProposedEvent(id_, events[0]), *along))


def registration(event: ActorRegistered | TopicRegistered) -> Request:
    """A registration, whose event id follows from its slug."""
    return request(event.subject(ROOT), event)


def position(**fields: Any) -> PositionChanged:
    """Ann supports talks from 2022 on, unless `fields` differ."""
    base = {"actor": "ann", "topic": "talks", "stance": "support", "effective": "2022"}
    return PositionChanged.model_validate({**base, "coder": "tests", **fields})


def corrected(target: UUID, **fields: Any) -> PositionCorrected:
    """A correction of a position to this one."""
    replacement = position(**fields).model_dump(exclude={"expected_revision"})
    return PositionCorrected(target=target, by="us", reason="A slip.", replacement=replacement)


def statement_fields(
    actor: str, topic: str, words: str = "Words.", said_at: str = "2022"
) -> dict[str, Any]:
    """The fields of a plain statement."""
    return {
        "speakers": [{"actor": actor, "role": "speaker"}],
        "topics": [topic],
        "said_at": said_at,
        "said_at_basis": "stated",
        "content": {"text": words, "lang": "en", "mode": "verbatim"},
        "evidence": [{"url": "https://example.org/1", "chain": [{"relation": "quoted"}]}],
        "coder": "tests",
    }


def _registrations(cast: Cast) -> Iterator[Request]:
    for slug in cast.actors:
        names = [{"name": f"Name of {slug}", "lang": "en"}]
        event = ActorRegistered.model_validate({"id": slug, "kind": "person", "names": names})
        yield registration(event)
    for slug in cast.topics:
        yield registration(TopicRegistered(id=slug, label=f"Label of {slug}", proposition="Do."))


def _requests(history: History, cast: Cast) -> Iterator[Request]:
    statements: list[UUID] = []
    positions: list[UUID] = []
    for n, move in enumerate(history.moves):
        id_ = cast.id(n)
        event = _event(move, cast, statements, positions)
        if event is None:
            continue
        along = []
        if move.what == "both":
            along = [
                PositionChanged(**_position_fields(draft, cast, [id_])) for draft in move.positions
            ]
            positions += [additional_event_id(id_, k) for k in range(len(along))]
        if event.makes == "statement":
            statements.append(id_)
        elif event.makes == "position":
            positions.append(id_)
        yield request(id_, event, *along)


def _event(
    move: Move, cast: Cast, statements: Sequence[UUID], positions: Sequence[UUID]
) -> Event | None:
    actor, topic = cast.actors[move.actor], cast.topics[move.topic]
    target_kind = move.what.rpartition("-")[2]
    targets = statements if target_kind == "statement" else positions
    basis = [_nth(statements, move.basis)] if statements and move.basis % 3 else []
    statement = statement_fields(actor, topic, move.words, move.said_at)
    position_fields = _position_fields(move.positions[0], cast, basis)
    amendment = {"by": ["us", "outlet", "speaker"][move.number % 3], "reason": move.words}
    if move.what == "position":
        return PositionChanged(**position_fields)
    if move.what in ("statement", "both"):
        return StatementMade(**statement)
    if move.what == "revise-actor":
        names = [{"name": move.words, "lang": "uk"}]
        return ActorRevised.model_validate({"id": actor, "kind": "group", "names": names})
    source, target = (cast.actors[n % ACTORS] for n in (move.number, move.number // ACTORS))
    if move.what == "merge-actor":  # refused now and then, as are other moves after it
        return ActorMerged(actor=source, into=target)
    if move.what == "unmerge-actor":
        return ActorUnmerged(actor=source)
    if move.what == "revise-topic":
        return TopicRevised(id=topic, label=move.words, proposition=move.words)
    if not targets:
        return None
    amendment["target"] = str(_nth(targets, move.number))
    classes: dict[str, type[Event]] = {
        "correct-statement": StatementCorrected,
        "retract-statement": StatementRetracted,
        "correct-position": PositionCorrected,
        "retract-position": PositionRetracted,
    }
    if move.what.startswith("correct"):
        # a plain dict of either kind of body
        amendment["replacement"] = statement if target_kind == "statement" else position_fields  # type: ignore[assignment]
    return classes[move.what].model_validate(amendment)


def _position_fields(draft: dict[str, Any], cast: Cast, basis: Sequence[UUID]) -> dict[str, Any]:
    return {
        **draft,
        "actor": cast.actors[draft["actor"]],
        "topic": cast.topics[draft["topic"]],
        "summary": f"{draft['stance']} from {draft['effective']}",
        "basis": tuple(basis),
        "coder": "tests",
    }


def _nth(items: Sequence[Any], number: int) -> Any:
    return items[number % len(items)]
