"""Decisions about dismissals: what a finding is about must be as it was when it was read."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from onrecord.domain.decisions import AcceptedEvent, Entity, LedgerState, Touches, decide
from onrecord.domain.event import Event
from onrecord.domain.events import (
    FindingDismissed,
    PayloadErased,
    PositionRetracted,
    StatementRetracted,
)
from onrecord.domain.requests import Refusal, amended_ids
from tests.support.histories import request

STATEMENT, EARLIER, POSITION, NEW, NEXT = (UUID(int=n) for n in range(1, 6))
NOW = datetime(2022, 11, 30, 12, tzinfo=UTC)


def ledger() -> LedgerState:
    """Ten entries; entries 4 to 6 made or changed two statements and a position."""
    ann, ben = Touches(("ann",), ("talks",)), Touches(("ben",), ("arms",))
    entities = {
        STATEMENT: Entity("statement", ann, changed_seq=5),
        EARLIER: Entity("statement", ben, changed_seq=4),
        POSITION: Entity("position", ann, changed_seq=6),
    }
    return LedgerState(NOW, entities, size=10)


def contradiction(**over: Any) -> FindingDismissed:
    fields = {"kind": "contradiction", "certainty": "definite", "statements": [STATEMENT]}
    return FindingDismissed.model_validate(
        {**fields, "position": POSITION, "known_size": 7, "reason": "A joke.", **over}
    )


def refusal_of(event: Event, state: LedgerState) -> tuple[str, list[str]]:
    decision = decide(request(NEW, event), state)
    assert isinstance(decision, Refusal)
    return decision.reason, [pointer for pointer, _ in decision.errors]


def accept(event: Event, state: LedgerState) -> AcceptedEvent:
    decision = decide(request(NEXT, event), state)
    assert not isinstance(decision, Refusal), decision
    state.apply(decision)
    return decision[0]


def test_a_dismissal_touches_all_that_it_is_about() -> None:
    words = contradiction(kind="same_words", statements=[STATEMENT, EARLIER], position=None)
    assert Touches(("ann", "ben"), ("arms", "talks")) == accept(words, ledger()).touches
    assert [STATEMENT, POSITION] == list(amended_ids(request(NEW, contradiction())))


@pytest.mark.parametrize(
    ("known_size", "pointers"),
    [(6, ["/position"]), (5, ["/statements/0", "/position"])],
)
def test_a_finding_read_before_its_last_change_is_not_dismissed(
    known_size: int, pointers: list[str]
) -> None:
    event = contradiction(known_size=known_size)
    assert ("finding-changed", pointers) == refusal_of(event, ledger())


def test_a_size_beyond_the_record_is_refused() -> None:
    accept(contradiction(known_size=10), ledger())
    assert ("invalid", ["/known_size"]) == refusal_of(contradiction(known_size=11), ledger())


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda: PayloadErased(target=STATEMENT, sections=("content",), ground="x"), "/statements"),
        (lambda: StatementRetracted(target=STATEMENT, by="us"), "/statements"),
        (lambda: PositionRetracted(target=POSITION, by="us"), "/position"),
    ],
    ids=["erased", "statement", "position"],
)
def test_a_change_earlier_in_the_batch_counts(change: Callable[[], Event], pointer: str) -> None:
    state = ledger()
    state.revisions = {}
    accept(change(), state)
    reason, (place,) = refusal_of(contradiction(known_size=10), state)
    assert ("finding-changed", True) == (reason, place.startswith(pointer))


def test_an_erased_reason_changes_no_finding() -> None:
    state = ledger()
    accept(PayloadErased(target=STATEMENT, sections=("reason",), ground="x"), state)
    assert 11 == state.size
    accept(contradiction(), state)


def test_only_an_unsupported_position_may_rest_on_what_is_retracted() -> None:
    state = ledger()
    state.entities[STATEMENT] = state.entities[STATEMENT]._replace(retracted=True)
    assert ("invalid", ["/statements/0"]) == refusal_of(contradiction(), state)
    accept(contradiction(kind="unsupported"), state)
