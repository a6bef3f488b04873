"""Decisions about dates: a statement is refused if it lies in the future, a position is not."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from onrecord.domain.decisions import AcceptedEvent, Entity, LedgerState, Touches, decide
from onrecord.domain.event import Event
from onrecord.domain.events import StatementCorrected, StatementMade
from onrecord.domain.ids import entity_id
from onrecord.domain.requests import Refusal
from tests.support.histories import corrected, position, request, statement_fields

NOW = datetime(2022, 11, 30, 12, tzinfo=UTC)
ID, NEW = UUID(int=1), UUID(int=2)


def statement(**fields: Any) -> StatementMade:
    return StatementMade.model_validate({**statement_fields("ann", "talks"), **fields})


def reworded(**fields: Any) -> StatementCorrected:
    return StatementCorrected(target=ID, by="us", replacement=statement(**fields).model_dump())


def decide_about(event: Event) -> tuple[AcceptedEvent, ...] | Refusal:
    """The decision at noon of 30 November 2022, where the target of an amendment is on record."""
    entities = {entity_id("actor", "ann"): Entity("actor")}
    entities[entity_id("topic", "talks")] = Entity("topic")
    if event.amends:
        entities[ID] = Entity(event.amends, Touches(("ann",), ("talks",)))
    return decide(request(NEW, event), LedgerState(NOW, entities))


@pytest.mark.parametrize(
    "date", ["2022-12-01", "2022-12-01T12:00:00Z", "2022-12", "2022", "../2022-11-30", "../0001"]
)
def test_a_statement_may_be_dated_a_day_ahead_at_most(date: str) -> None:
    sourced = [{"url": "https://example.org/1", "published_at": date}]
    for event in (
        statement(said_at=date, evidence=sourced),
        reworded(said_at=date, evidence=sourced),
    ):
        assert not isinstance(decide_about(event), Refusal)


@pytest.mark.parametrize(
    "date", ["2022-12-02", "2022-12-01T12:00:00.000001Z", "2023-01", "2023", "../2022", "../9999"]
)
def test_a_statement_of_the_future_is_refused_on_each_date_that_lies_there(date: str) -> None:
    """`../2022` too: it stands at the end of 2022 in lists, and by today it had been said."""
    past = {"url": "https://example.org/1", "published_at": "2022-11-30"}
    sourced = [past, {"url": "https://example.org/2", "published_at": date}]
    made = decide_about(statement(said_at=date, evidence=sourced))
    amended = decide_about(reworded(said_at=date))
    assert isinstance(made, Refusal)
    assert isinstance(amended, Refusal)
    assert ("future-date", "future-date") == (made.reason, amended.reason)
    assert ["/said_at", "/evidence/1/published_at"] == [pointer for pointer, _ in made.errors]
    assert ["/replacement/said_at"] == [pointer for pointer, _ in amended.errors]


def test_a_position_may_be_announced_for_a_date_ahead() -> None:
    for event in (position(effective="2035"), corrected(ID, effective="../2035")):
        assert not isinstance(decide_about(event), Refusal)
