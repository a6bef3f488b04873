"""Decisions: which requests a ledger state accepts, and which fields a refusal names."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from onrecord.domain.decisions import AcceptedEvent, Entity, LedgerState, Touches, decide
from onrecord.domain.event import Event
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
from onrecord.domain.requests import (
    Pair,
    ProposedEvent,
    Refusal,
    Request,
    amended_ids,
    amended_positions,
    numbered_pairs,
    referenced_ids,
)
from tests.support.histories import corrected, position, registration, request, statement_fields

STATEMENT, POSITION, NEW, TARGETLESS = (UUID(int=n) for n in range(1, 5))
NOW = datetime(2022, 11, 30, 12, tzinfo=UTC)
ANN_ON_TALKS = Touches(("ann",), ("talks",))


def state(*, revisions: dict[Pair, int] | None = None) -> LedgerState:
    """A ledger with actors ann and ben, topics talks and arms, a statement and a position."""
    slugs: dict[str, EntityKind] = {"ann": "actor", "ben": "actor", "talks": "topic"}
    slugs["arms"] = "topic"
    entities = {entity_id(kind, slug): Entity(kind) for slug, kind in slugs.items()}
    entities[STATEMENT] = Entity("statement", ANN_ON_TALKS)
    entities[POSITION] = Entity("position", ANN_ON_TALKS)
    return LedgerState(NOW, entities, revisions or {})


def statement(**fields: Any) -> StatementMade:
    return StatementMade.model_validate({**statement_fields("ann", "talks"), **fields})


def reworded(target: UUID = STATEMENT, **fields: Any) -> StatementCorrected:
    replacement = statement(**fields).model_dump()
    return StatementCorrected(target=target, by="us", replacement=replacement)


def refusal(decision: tuple[AcceptedEvent, ...] | Refusal) -> Refusal:
    assert isinstance(decision, Refusal)
    return decision


def accepted_events(decision: tuple[AcceptedEvent, ...] | Refusal) -> tuple[AcceptedEvent, ...]:
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
def test_an_event_that_refers_only_to_entities_on_record_is_accepted(event: Event) -> None:
    (accepted,) = accepted_events(decide(request(NEW, event), state()))
    assert ProposedEvent(NEW, event) == accepted.proposed


def test_each_unknown_reference_is_reported_with_its_pointer() -> None:
    write = request(
        NEW,
        statement(addressees=["ben", "nobody"], topics=["talks", "nothing"], embedded_in=POSITION),
        position(actor="no-one", basis=[NEW, TARGETLESS]),
    )
    missing = (
        Reference("/topics/1", "topic", "nothing"),
        Reference("/addressees/1", "actor", "nobody"),
        Reference("/embedded_in", "statement", POSITION),
        Reference("/along/0/actor", "actor", "no-one"),
        Reference("/along/0/basis/1", "statement", TARGETLESS),
    )
    assert Refusal("unknown-reference", unknown_references=missing) == decide(write, state())


def test_a_slug_of_one_kind_does_not_refer_to_another_kind() -> None:
    missing = (Reference("/actor", "actor", "talks"), Reference("/topic", "topic", "ann"))
    write = request(NEW, position(actor="talks", topic="ann"))
    assert missing == refusal(decide(write, state())).unknown_references


def test_an_event_may_refer_to_earlier_events_of_its_request_only() -> None:
    (_, accepted) = accepted_events(
        decide(request(NEW, statement(), position(basis=[NEW])), state())
    )
    assert additional_event_id(NEW, 0) == accepted.proposed.id
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
def test_an_amendment_needs_a_target_of_its_kind(event: Event) -> None:
    expected = Refusal("unknown-target", details={"kind": event.amends})
    assert expected == decide(request(NEW, event), state())


@pytest.mark.parametrize("id_", [STATEMENT, POSITION, entity_id("actor", "ann")])
@pytest.mark.parametrize("event", [statement(), position()], ids=["statement", "position"])
def test_an_id_on_record_cannot_be_used_for_a_new_entity(id_: UUID, event: Event) -> None:
    refused = refusal(decide(request(id_, event), state()))
    assert (refused.reason, refused.errors[0][0]) == ("id-reused", "/id")


@pytest.mark.parametrize(
    "event", [ActorRegistered(id="ann", kind="group"), TopicRegistered(id="talks", label="Other")]
)
def test_a_slug_can_be_registered_only_once(event: ActorRegistered | TopicRegistered) -> None:
    assert isinstance(decide(registration(event), state()), Refusal)


@pytest.mark.parametrize("kind", ["statement", "position"])
def test_a_second_retraction_is_refused_until_a_correction_undoes_the_first(
    kind: EntityKind,
) -> None:
    ledger = state()
    again = {"statement": StatementRetracted, "position": PositionRetracted}[kind]
    target = {"statement": STATEMENT, "position": POSITION}[kind]
    ledger.entities[target] = Entity(kind, ANN_ON_TALKS, retracted=True)
    write = request(NEW, again(target=target, by="us"))
    assert Refusal("already-retracted", details={"kind": kind}) == decide(write, ledger)
    undo: Event = reworded() if kind == "statement" else corrected(POSITION)
    ledger.apply(accepted_events(decide(request(NEW, undo), ledger)))
    assert not ledger.entities[target].retracted
    assert len(accepted_events(decide(write, ledger))) == 1


def test_the_next_request_of_a_batch_sees_a_retraction() -> None:
    ledger = state()
    write = request(NEW, PositionRetracted(target=POSITION, by="us"))
    ledger.apply(accepted_events(decide(write, ledger)))
    assert refusal(decide(write, ledger)).reason == "already-retracted"


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
def test_a_reference_to_its_own_subject_is_refused(id_: UUID, event: Event, pointer: str) -> None:
    refused = refusal(decide(request(id_, event), state()))
    assert ("self-reference", pointer) == (refused.reason, refused.errors[0][0])


def test_a_revision_conflict_reports_the_current_revision() -> None:
    ledger = state(revisions={Pair("ann", "talks"): 3})
    assert len(accepted_events(decide(request(NEW, position(expected_revision=3)), ledger))) == 1
    for wrong in (0, 2, 4):
        refused = refusal(decide(request(NEW, position(expected_revision=wrong)), ledger))
        assert (refused.reason, refused.details["current_revision"]) == ("revision-conflict", 3)
        assert refused.errors[0][0] == "/expected_revision"


def test_a_pair_without_positions_has_revision_0() -> None:
    assert len(accepted_events(decide(request(NEW, position(expected_revision=0)), state()))) == 1
    write = request(NEW, position(expected_revision=1))
    assert refusal(decide(write, state())).reason == "revision-conflict"


def test_the_second_position_of_a_pair_in_a_request_expects_the_revision_after_the_first() -> None:
    ledger = state(revisions={Pair("ann", "talks"): 3})
    for second, is_accepted in ((3, False), (4, True), (5, False)):
        first = position(expected_revision=3)
        write = request(NEW, statement(), first, position(expected_revision=second))
        decision = decide(write, ledger)
        assert is_accepted != isinstance(decision, Refusal)
    refused = refusal(decide(write, ledger))
    assert refused.errors[0][0] == "/along/1/expected_revision"
    assert refused.details["current_revision"] == 4
    other = position(topic="arms", expected_revision=0)
    both = request(NEW, statement(), position(expected_revision=3), other)
    assert len(accepted_events(decide(both, ledger))) == 3


def test_each_request_of_a_batch_increments_the_revision_for_the_next() -> None:
    pair, other = Pair("ann", "talks"), Pair("ben", "talks")
    ledger = state(revisions={pair: 3, other: 0})
    ledger.apply(accepted_events(decide(request(NEW, position(expected_revision=3)), ledger)))
    assert {pair: 4, other: 0} == ledger.revisions
    ledger.apply(
        accepted_events(decide(request(UUID(int=9), corrected(POSITION, actor="ben")), ledger))
    )
    assert {pair: 5, other: 1} == ledger.revisions


def test_a_correction_touches_the_actors_and_topics_before_and_after_it() -> None:
    ledger = state()
    (moved,) = accepted_events(
        decide(request(NEW, corrected(POSITION, actor="ben", topic="arms")), ledger)
    )
    assert Touches(("ann", "ben"), ("arms", "talks")) == moved.touches
    assert Touches(("ben",), ("arms",)) == moved.touches_after
    assert (Pair("ann", "talks"), Pair("ben", "arms")) == moved.pairs
    ledger.apply([moved])
    (retracted,) = accepted_events(
        decide(request(UUID(int=9), PositionRetracted(target=POSITION, by="us")), ledger)
    )
    assert (Touches(("ben",), ("arms",)), (Pair("ben", "arms"),)) == (
        retracted.touches,
        retracted.pairs,
    )


def test_a_correction_that_undoes_a_retraction_increments_only_the_new_pair() -> None:
    ledger = state()
    ledger.entities[POSITION] = Entity("position", ANN_ON_TALKS, retracted=True)
    (accepted,) = accepted_events(decide(request(NEW, corrected(POSITION, topic="arms")), ledger))
    assert (Pair("ann", "arms"),) == accepted.pairs
    assert Touches(("ann",), ("arms", "talks")) == accepted.touches


def test_a_correction_within_a_pair_increments_its_revision_once() -> None:
    within = request(NEW, corrected(POSITION, stance="oppose"))
    (accepted,) = accepted_events(decide(within, state()))
    assert (ANN_ON_TALKS, (Pair("ann", "talks"),)) == (accepted.touches, accepted.pairs)


def test_a_statement_touches_its_actors_and_topics_and_no_pair() -> None:
    speakers = [{"actor": "ben", "on_behalf_of": ["ann"]}]
    event = statement(speakers=speakers, topics=["talks", "arms"])
    (accepted,) = accepted_events(decide(request(NEW, event), state()))
    assert (Touches(("ann", "ben"), ("arms", "talks")), ()) == (accepted.touches, accepted.pairs)


def test_a_registration_touches_its_own_slug() -> None:
    (actor,) = accepted_events(
        decide(registration(ActorRegistered(id="cleo", kind="person")), state())
    )
    peace = registration(TopicRegistered(id="peace", broader="arms"))
    (topic,) = accepted_events(decide(peace, state()))
    assert (Touches(("cleo",)), Touches((), ("arms", "peace"))) == (actor.touches, topic.touches)


def test_a_request_lists_the_ids_and_revisions_to_look_up() -> None:
    write = request(NEW, corrected(POSITION, basis=[STATEMENT]), position(expected_revision=1))
    ann, talks = entity_id("actor", "ann"), entity_id("topic", "talks")
    named = {POSITION, STATEMENT, ann, talks, additional_event_id(NEW, 0)}
    assert named == set(referenced_ids(write))
    assert list(amended_ids(write)) == [POSITION, ann]
    assert [Pair("ann", "talks")] * 2 == list(numbered_pairs(write))
    assert [POSITION] == list(amended_positions(write))
    assert additional_event_id(NEW, 1) == write.next_additional_id


def test_one_error_refuses_the_whole_request() -> None:
    write = Request((*request(NEW, statement(), position(topic="nothing")).events,))
    assert refusal(decide(write, state())).reason == "unknown-reference"
