"""May a request be recorded over this state, and if not, which field is to blame?"""

from typing import Any
from uuid import UUID

import pytest
from onrecord.domain.event import Event
from onrecord.domain.requests import (
    Pair,
    ProposedEvent,
    Refusal,
    RefusalReason,
    Request,
    amended_ids,
    expected_revisions,
    referenced_ids,
)

from onrecord.domain.decisions import AcceptedEvent, Entity, LedgerState, Touches, decide
from onrecord.domain.events import (
    ActorRegistered,
    ActorRevised,
    PositionRetracted,
    StatementCorrected,
    StatementMade,
    StatementRetracted,
    TopicRegistered,
    TopicRevised,
)
from onrecord.domain.ids import EntityKind, additional_event_id, entity_id
from onrecord.domain.payload import Reference
from tests.support.histories import corrected, position, registration, request, said

STATEMENT, POSITION, NEW, TARGETLESS = (UUID(int=n) for n in range(1, 5))
ANN_ON_TALKS = Touches(("ann",), ("talks",))


def state(*, revisions: dict[Pair, int] | None = None) -> LedgerState:
    """Actors ann and ben, topics talks and arms, a statement and a position of ann on talks."""
    slugs: list[tuple[EntityKind, str]] = [
        *(("actor", "ann"), ("actor", "ben")),
        *(("topic", "talks"), ("topic", "arms")),
    ]
    known = {entity_id(kind, slug): Entity(kind) for kind, slug in slugs}
    known[STATEMENT] = Entity("statement", ANN_ON_TALKS)
    known[POSITION] = Entity("position", ANN_ON_TALKS)
    return LedgerState(known, revisions or {})


def statement(**fields: Any) -> StatementMade:
    return StatementMade.model_validate({**said("ann", "talks"), **fields})


def reworded(target: UUID = STATEMENT, **fields: Any) -> StatementCorrected:
    replacement = statement(**fields).model_dump()
    return StatementCorrected(target=target, by="us", replacement=replacement)


def refusal(decision: tuple[AcceptedEvent, ...] | Refusal) -> Refusal:
    assert isinstance(decision, Refusal)
    return decision


def facts(decision: tuple[AcceptedEvent, ...] | Refusal) -> tuple[AcceptedEvent, ...]:
    assert not isinstance(decision, Refusal)
    return decision


@pytest.mark.parametrize(
    "event",
    [
        ActorRegistered(id="cleo", kind="person"),
        ActorRevised(id="ann", kind="group"),
        TopicRegistered(id="peace", broader="talks"),
        TopicRevised(id="arms", broader="talks"),
        statement(embedded_in=STATEMENT, same_utterance_as=[STATEMENT], addressees=["ben"]),
        reworded(topics=["arms"]),
        StatementRetracted(target=STATEMENT, by="outlet"),
        position(basis=[STATEMENT]),
        corrected(POSITION, actor="ben", basis=[STATEMENT]),
        PositionRetracted(target=POSITION, by="speaker"),
    ],
    ids=lambda event: event.type,
)
def test_what_names_only_things_on_record_is_accepted(event: Event) -> None:
    (fact,) = facts(decide(request(NEW, event), state()))
    assert ProposedEvent(NEW, event) == fact.proposed


def test_each_unknown_thing_is_named_with_its_place() -> None:
    asked = request(
        NEW,
        statement(addressees=["ben", "nobody"], topics=["talks", "nothing"], embedded_in=POSITION),
        position(actor="no-one", basis=[NEW, TARGETLESS]),
    )
    unknown = (
        Reference("/topics/1", "topic", "nothing"),
        Reference("/addressees/1", "actor", "nobody"),
        Reference("/embedded_in", "statement", POSITION),
        Reference("/along/0/actor", "actor", "no-one"),
        Reference("/along/0/basis/1", "statement", TARGETLESS),
    )
    assert Refusal("unknown-reference", unknown_references=unknown) == decide(asked, state())


def test_a_slug_of_one_kind_names_nothing_of_another() -> None:
    unknown = (Reference("/actor", "actor", "talks"), Reference("/topic", "topic", "ann"))
    asked = request(NEW, position(actor="talks", topic="ann"))
    assert unknown == refusal(decide(asked, state())).unknown_references


def test_what_is_appended_along_may_name_what_comes_before_it_in_the_request_and_not_after() -> (
    None
):
    (_, fact) = facts(decide(request(NEW, statement(), position(basis=[NEW])), state()))
    assert additional_event_id(NEW, 0) == fact.proposed.id
    backwards = request(NEW, position(basis=[additional_event_id(NEW, 0)]), statement())
    assert refusal(decide(backwards, state())).reason == "unknown-reference"


@pytest.mark.parametrize(
    "event",
    [
        StatementRetracted(target=TARGETLESS, by="us"),
        StatementRetracted(target=POSITION, by="us"),
        PositionRetracted(target=STATEMENT, by="us"),
        reworded(POSITION),
        corrected(STATEMENT),
        ActorRevised(id="nobody", kind="person"),
        ActorRevised(id="talks", kind="person"),
        TopicRevised(id="ann"),
    ],
    ids=repr,
)
def test_only_a_thing_of_its_kind_can_be_amended(event: Event) -> None:
    expected = Refusal("unknown-target", details={"kind": event.amends})
    assert expected == decide(request(NEW, event), state())


@pytest.mark.parametrize("id_", [STATEMENT, POSITION, entity_id("actor", "ann")])
@pytest.mark.parametrize("event", [statement(), position()], ids=["statement", "position"])
def test_an_id_that_names_something_makes_nothing_new(id_: UUID, event: Event) -> None:
    found = refusal(decide(request(id_, event), state()))
    assert (found.reason, found.errors[0][0]) == ("id-reused", "/id")


@pytest.mark.parametrize(
    "event", [ActorRegistered(id="ann", kind="group"), TopicRegistered(id="talks", label="Other")]
)
def test_a_slug_is_registered_once(event: ActorRegistered | TopicRegistered) -> None:
    assert isinstance(decide(registration(event), state()), Refusal)


@pytest.mark.parametrize("kind", ["statement", "position"])
def test_a_thing_is_retracted_once_and_can_be_corrected_afterwards(kind: EntityKind) -> None:
    over = state()
    again = {"statement": StatementRetracted, "position": PositionRetracted}[kind]
    target = {"statement": STATEMENT, "position": POSITION}[kind]
    over.entities[target] = Entity(kind, ANN_ON_TALKS, retracted=True)
    asked = request(NEW, again(target=target, by="us"))
    assert Refusal("already-retracted", details={"kind": kind}) == decide(asked, over)
    undo: Event = reworded() if kind == "statement" else corrected(POSITION)
    over.apply(facts(decide(request(NEW, undo), over)))
    assert not over.entities[target].retracted
    assert len(facts(decide(asked, over))) == 1


def test_a_retraction_is_seen_by_the_next_request_of_the_batch() -> None:
    over = state()
    asked = request(NEW, PositionRetracted(target=POSITION, by="us"))
    over.apply(facts(decide(asked, over)))
    assert refusal(decide(asked, over)).reason == "already-retracted"


@pytest.mark.parametrize(
    ("id_", "event", "pointer"),
    [
        (NEW, statement(embedded_in=NEW), "/embedded_in"),
        (NEW, statement(same_utterance_as=[STATEMENT, NEW]), "/same_utterance_as/1"),
        (NEW, position(basis=[NEW]), "/basis/0"),
        (NEW, TopicRegistered(id="peace", broader="peace"), "/broader"),
        (NEW, TopicRevised(id="talks", broader="talks"), "/broader"),
        (NEW, reworded(embedded_in=STATEMENT), "/replacement/embedded_in"),
        (NEW, reworded(same_utterance_as=[STATEMENT]), "/replacement/same_utterance_as/0"),
    ],
    ids=str,
)
def test_nothing_names_itself(id_: UUID, event: Event, pointer: str) -> None:
    found = refusal(decide(request(id_, event), state()))
    assert ("self-reference", pointer) == (found.reason, found.errors[0][0])


def test_another_revision_than_the_expected_one_is_a_conflict_that_says_which_it_is() -> None:
    over = state(revisions={Pair("ann", "talks"): 3})
    assert len(facts(decide(request(NEW, position(expected_revision=3)), over))) == 1
    for wrong in (0, 2, 4):
        found = refusal(decide(request(NEW, position(expected_revision=wrong)), over))
        assert (found.reason, found.details) == ("revision-conflict", {"current_revision": 3})
        assert found.errors[0][0] == "/expected_revision"


def test_a_pair_of_which_nothing_is_on_record_has_revision_0() -> None:
    assert len(facts(decide(request(NEW, position(expected_revision=0)), state()))) == 1
    asked = request(NEW, position(expected_revision=1))
    assert refusal(decide(asked, state())).reason == "revision-conflict"


def test_of_two_positions_of_one_pair_in_one_request_the_second_finds_the_first() -> None:
    over = state(revisions={Pair("ann", "talks"): 3})
    for second, accepted in ((3, False), (4, True), (5, False)):
        first = position(expected_revision=3)
        asked = request(NEW, statement(), first, position(expected_revision=second))
        decision = decide(asked, over)
        assert accepted != isinstance(decision, Refusal)
    found = refusal(decide(asked, over))
    assert (
        found.errors[0][0],
        found.details,
    ) == ("/along/1/expected_revision", {"current_revision": 4})
    other = position(topic="arms", expected_revision=0)
    both = request(NEW, statement(), position(expected_revision=3), other)
    assert len(facts(decide(both, over))) == 3


def test_each_request_of_a_batch_raises_the_revision_that_the_next_one_finds() -> None:
    pair, other = Pair("ann", "talks"), Pair("ben", "talks")
    over = state(revisions={pair: 3, other: 0})
    over.apply(facts(decide(request(NEW, position(expected_revision=3)), over)))
    assert {pair: 4, other: 0} == over.revisions
    over.apply(facts(decide(request(UUID(int=9), corrected(POSITION, actor="ben")), over)))
    assert {pair: 5, other: 1} == over.revisions


def test_an_event_touches_whom_it_is_about_before_and_after() -> None:
    over = state()
    (moved,) = facts(decide(request(NEW, corrected(POSITION, actor="ben", topic="arms")), over))
    assert Touches(("ann", "ben"), ("arms", "talks")) == moved.touches
    assert Touches(("ben",), ("arms",)) == moved.touches_after
    assert (Pair("ann", "talks"), Pair("ben", "arms")) == moved.pairs
    over.apply([moved])
    (gone,) = facts(decide(request(UUID(int=9), PositionRetracted(target=POSITION, by="us")), over))
    assert (Touches(("ben",), ("arms",)), (Pair("ben", "arms"),)) == (gone.touches, gone.pairs)


def test_a_correction_that_undoes_a_retraction_changes_only_the_line_it_comes_upon() -> None:
    over = state()
    over.entities[POSITION] = Entity("position", ANN_ON_TALKS, retracted=True)
    (fact,) = facts(decide(request(NEW, corrected(POSITION, topic="arms")), over))
    assert (Pair("ann", "arms"),) == fact.pairs
    assert Touches(("ann",), ("arms", "talks")) == fact.touches


def test_a_position_that_stays_where_it_is_raises_one_revision_once() -> None:
    (fact,) = facts(decide(request(NEW, corrected(POSITION, stance="oppose")), state()))
    assert (ANN_ON_TALKS, (Pair("ann", "talks"),)) == (fact.touches, fact.pairs)


def test_a_statement_touches_all_it_names_and_no_pair() -> None:
    speakers = [{"actor": "ben", "on_behalf_of": ["ann"]}]
    event = statement(speakers=speakers, topics=["talks", "arms"])
    (fact,) = facts(decide(request(NEW, event), state()))
    assert (Touches(("ann", "ben"), ("arms", "talks")), ()) == (fact.touches, fact.pairs)


def test_a_registration_touches_what_it_registers() -> None:
    (actor,) = facts(decide(registration(ActorRegistered(id="cleo", kind="person")), state()))
    (topic,) = facts(decide(registration(TopicRegistered(id="peace", broader="arms")), state()))
    assert (Touches(("cleo",)), Touches((), ("arms", "peace"))) == (actor.touches, topic.touches)


def test_a_request_says_what_it_wants_to_know_of_the_ledger() -> None:
    asked = request(NEW, corrected(POSITION, basis=[STATEMENT]), position(expected_revision=1))
    ann, talks = entity_id("actor", "ann"), entity_id("topic", "talks")
    assert {POSITION, STATEMENT, ann, talks, additional_event_id(NEW, 0)} == set(
        referenced_ids(asked)
    )
    assert list(amended_ids(asked)) == [POSITION]
    assert [Pair("ann", "talks")] == list(expected_revisions(asked))
    assert additional_event_id(NEW, 1) == asked.next_additional_id


def test_of_a_request_with_one_fault_nothing_is_accepted() -> None:
    asked = Request((*request(NEW, statement(), position(topic="nothing")).events,))
    reason: RefusalReason = "unknown-reference"
    assert reason == refusal(decide(asked, state())).reason
