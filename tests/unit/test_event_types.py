"""Declarations of event classes, from which the rest of the program derives what it needs."""

import re
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest

import onrecord
from onrecord.domain.event import Event
from onrecord.domain.event_types import NEWEST_CLASSES, event_types_about, stored_subject
from onrecord.domain.events import (
    EVENT_CLASSES,
    StatementMade,
    StatementRetracted,
    position_after,
    statement_after,
)
from onrecord.domain.ids import EntityKind
from onrecord.domain.payload import split_payload
from onrecord.projections.registry import PROJECTIONS

E = TypeVar("E", bound=Event)
ID = UUID(int=7)

every_class = pytest.mark.parametrize(
    "event_class", EVENT_CLASSES.values(), ids=lambda event_class: event_class.__name__
)


def example(event_class: type[E]) -> E:
    return event_class.model_validate(event_class.example)


@every_class
def test_a_class_declares_exactly_one_effect(event_class: type[Event]) -> None:
    effects = [event_class.makes, event_class.amends, event_class.erases]
    assert 1 == sum(effect is not None for effect in effects)


@every_class
def test_a_class_has_a_summary_and_a_valid_example(event_class: type[Event]) -> None:
    assert event_class.__doc__
    assert isinstance(example(event_class), event_class)


@every_class
def test_the_subject_of_a_stored_event_is_that_of_the_event(event_class: type[Event]) -> None:
    event = example(event_class)
    data, _ = split_payload(event)
    subject = stored_subject(event.type, event.version, data, str(ID))
    assert (event.subject_kind(), str(event.subject_name(ID))) == subject


@every_class
def test_the_subject_has_the_id_of_the_event_only_if_the_event_makes_it(
    event_class: type[Event],
) -> None:
    has_own_id = example(event_class).subject(ID) == ID
    assert has_own_id == (event_class.makes in ("statement", "position", "dismissal", "key"))


@every_class
def test_an_amendment_or_erasure_names_its_subject_in_a_required_field(
    event_class: type[Event],
) -> None:
    if event_class.amends or event_class.erases:
        assert event_class.subject_field is not None
    if event_class.subject_field is not None:
        assert event_class.model_fields[event_class.subject_field].is_required()


def test_all_versions_of_an_event_type_name_their_subject_in_the_same_field() -> None:
    """The ledger finds the subject of stored entries by their type alone."""
    for event_class in EVENT_CLASSES.values():
        assert event_class.subject_field == NEWEST_CLASSES[event_class.type].subject_field


@pytest.mark.parametrize("kind", ["actor", "topic", "statement", "position"])
def test_a_projection_folds_every_event_type_about_its_kind_of_entity(kind: EntityKind) -> None:
    """So a rebuild cannot leave out a new event type: its fold handles it, or stops at it."""
    (projection,) = (p for p in PROJECTIONS if p.name == f"{kind}s")
    assert event_types_about(kind) == projection.event_types


def test_the_states_after_events_are_the_event_its_replacement_or_none() -> None:
    statement = example(StatementMade)
    assert statement == statement_after(statement)
    assert statement_after(example(StatementRetracted)) is None
    with pytest.raises(TypeError, match=r"statement\.made"):
        position_after(statement)


def test_event_types_that_sql_names_exist() -> None:
    """SQL stays text that can be pasted into psql, so it names event types literally."""
    kinds = "actor|topic|statement|position|payload|finding|key"
    pattern = re.compile(rf"'((?:{kinds})\.[a-z]+)'")
    folder = Path(onrecord.__file__).parent
    paths = [*folder.rglob("*.py"), *folder.rglob("*.sql")]
    names = {name for path in paths for name in pattern.findall(path.read_text())}
    assert names
    assert names <= NEWEST_CLASSES.keys()
