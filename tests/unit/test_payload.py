"""Payload sections: events split and merge without loss, and every free text can be erased."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, StringConstraints

from onrecord.domain.event import Event
from onrecord.domain.event_types import parse_event
from onrecord.domain.events import (
    EVENT_CLASSES,
    ActorRegistered,
    PositionChanged,
    PositionCorrected,
    StatementCorrected,
    StatementMade,
)
from onrecord.domain.fields import LanguageTag
from onrecord.domain.ids import CODE_PATTERN, SLUG_PATTERN
from onrecord.domain.payload import (
    Ref,
    Reference,
    Section,
    as_json,
    merge_payload,
    references,
    split_payload,
)
from onrecord.domain.statement import Selector, Statement
from onrecord.ingest.schemas import ErasureIn
from tests.support.histories import EFFECTIVE, Cast, batches, histories, statement_fields

WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20
).filter(lambda words: bool(words.strip()))
OPTIONAL_WORDS = st.none() | WORDS
CODES = {SLUG_PATTERN, CODE_PATTERN, get_args(LanguageTag)[1].pattern}
"""Patterns of strings that are allowed in `data`: no free text matches them."""


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of a statement; every optional field may be missing."""
    speakers = draw(st.integers(1, 3))
    base = statement_fields("ann", "talks", draw(WORDS), draw(EFFECTIVE))
    original = draw(
        st.none() | st.builds(lambda words: {"text": words, "lang": "uk"}, OPTIONAL_WORDS)
    )
    base["content"] = {
        "text": draw(OPTIONAL_WORDS),
        "lang": "en",
        "mode": "mixed",
        "original": original,
    }
    base["speakers"] = [
        {
            "actor": f"actor-{n}",
            "role": draw(OPTIONAL_WORDS),
            "on_behalf_of": draw(st.sampled_from([[], ["a"], ["a", "b"]])),
        }
        for n in range(speakers)
    ]
    base["evidence"] = draw(
        st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "reference": WORDS,
                    "outlet": OPTIONAL_WORDS,
                    "sha256": st.just("0" * 64),
                    "url": st.just("https://example.org/é"),
                    "published_at": EFFECTIVE,
                    "selector": st.fixed_dictionaries({}, optional={"exact": WORDS}),
                    "chain": st.lists(
                        st.fixed_dictionaries(
                            {"relation": st.just("quoted"), "by": OPTIONAL_WORDS}
                        ),
                        max_size=2,
                    ),
                },
            ),
            min_size=1,
            max_size=3,
        )
    )
    more = {"venue": OPTIONAL_WORDS, "note": OPTIONAL_WORDS, "embedded_in": st.none() | st.uuids()}
    return {**base, **draw(st.fixed_dictionaries(more))}


def events_of_histories() -> st.SearchStrategy[list[Event]]:
    """The events of random histories."""
    return histories().map(
        lambda history: [
            proposed.event
            for batch in batches(history, Cast("x"))
            for request in batch
            for proposed in request.events
        ]
    )


def leaves(annotation: Any, marks: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The scalar types in an annotation, each with the metadata on the way to it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        yield from leaves(inner, (*marks, *more))
    elif origin is Literal or not get_args(annotation):
        yield annotation, marks
    elif origin in (Union, types.UnionType, tuple, dict):
        for inner in get_args(annotation):
            yield from leaves(inner, marks)
    else:
        raise AssertionError(f"add {annotation!r} to this test")


def texts_in_data(model: type[BaseModel], at: str = "") -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Pointer and metadata of every string field outside the sections."""
    for name, field in model.model_fields.items():
        if any(isinstance(mark, Section) for mark in field.metadata):
            continue
        for leaf, marks in leaves(field.annotation, tuple(field.metadata)):
            if isinstance(leaf, type) and issubclass(leaf, BaseModel):
                yield from texts_in_data(leaf, f"{at}/{name}")
            elif leaf is str:
                yield f"{at}/{name}", marks
            else:
                harmless = leaf in (int, UUID, types.NoneType, Ellipsis)
                assert harmless or get_origin(leaf) is Literal, (at, name, leaf)


def is_allowed_in_data(marks: tuple[Any, ...]) -> bool:
    patterns = {mark.pattern for mark in marks if isinstance(mark, StringConstraints)}
    checks = {mark.func.__module__ for mark in marks if isinstance(mark, AfterValidator)}
    return bool(patterns & CODES) or "onrecord.domain.dates" in checks


@pytest.mark.parametrize("event", EVENT_CLASSES.values(), ids=lambda event: event.__name__)
def test_every_text_outside_sections_is_a_code_or_a_date(
    event: type[Event],
) -> None:
    assert [at for at, marks in texts_in_data(event) if not is_allowed_in_data(marks)] == []


def test_the_check_finds_free_text_outside_sections() -> None:
    class Leaky(BaseModel):
        inside: Annotated[str, Section("note")]
        outside: Annotated[tuple[Annotated[str, StringConstraints(max_length=9)], ...] | None, 1]

    assert [at for at, marks in texts_in_data(Leaky) if not is_allowed_in_data(marks)] == [
        "/outside"
    ]
    assert {"exact", "prefix", "suffix"} == {
        at.strip("/") for at, marks in texts_in_data(Selector) if not is_allowed_in_data(marks)
    }


@given(events_of_histories())
def test_merging_a_split_event_gives_it_back(events: list[Event]) -> None:
    for event in events:
        data, sections = split_payload(event)
        assert as_json(event) == merge_payload(data, *sections.values())
        assert event == parse_event(event.type, event.version, data, list(sections.values()))


@given(statements(), st.randoms())
def test_sections_of_a_statement_merge_in_any_order(fields: dict[str, Any], random: Any) -> None:
    event = StatementMade.model_validate(fields)
    data, sections = split_payload(event)
    parts = list(sections.values())
    random.shuffle(parts)
    assert event == parse_event("statement.made", 1, data, parts)
    replacement = {"target": UUID(int=1), "by": "us", "reason": "Why.", "replacement": fields}
    corrected = StatementCorrected.model_validate(replacement)
    data, sections = split_payload(corrected)
    assert corrected == parse_event("statement.corrected", 1, data, list(sections.values()))


@given(statements())
def test_a_missing_section_removes_only_its_own_fields(
    fields: dict[str, Any],
) -> None:
    data, sections = split_payload(StatementMade.model_validate(fields))
    for missing in sections:
        rest = {name: section for name, section in sections.items() if name != missing}
        event = parse_event("statement.made", 1, data, list(rest.values()))
        assert (data, rest) == split_payload(event)


def test_empty_fields_are_left_out_and_zeros_are_not() -> None:
    event = PositionChanged(
        actor="a", topic="t", stance="neutral", effective="2022", coder="c", expected_revision=0
    )
    expected = {"actor": "a", "topic": "t", "stance": "neutral", "effective": "2022", "coder": "c"}
    assert ({**expected, "order": 0, "expected_revision": 0}, {}) == split_payload(event)


def test_a_section_keeps_a_place_for_each_item_of_a_list() -> None:
    fields = statement_fields("ann", "talks")
    fields["speakers"] = [{"actor": "ann"}, {"actor": "ben", "role": "minister"}]
    _, sections = split_payload(StatementMade.model_validate(fields))
    assert sections["roles"] == {"speakers": [{}, {"role": "minister"}]}


def test_references_have_pointers_in_the_order_of_the_fields() -> None:
    first, second, outer = UUID(int=1), UUID(int=2), UUID(int=3)
    fields = statement_fields("ann", "talks") | {
        "speakers": [{"actor": "ann"}, {"actor": "ben", "on_behalf_of": ["cleo", "dora"]}],
        "addressees": ["eve"],
        "embedded_in": outer,
        "same_utterance_as": [first, second],
        "stances": [{"topic": "talks", "stance": "mixed"}],
    }
    expected = [
        Reference("/x/speakers/0/actor", "actor", "ann"),
        Reference("/x/speakers/1/actor", "actor", "ben"),
        Reference("/x/speakers/1/on_behalf_of/0", "actor", "cleo"),
        Reference("/x/speakers/1/on_behalf_of/1", "actor", "dora"),
        Reference("/x/topics/0", "topic", "talks"),
        Reference("/x/addressees/0", "actor", "eve"),
        Reference("/x/embedded_in", "statement", outer),
        Reference("/x/same_utterance_as/0", "statement", first),
        Reference("/x/same_utterance_as/1", "statement", second),
        Reference("/x/stances/0/topic", "topic", "talks"),
    ]
    assert expected == list(references(StatementMade.model_validate(fields), at="/x"))


def test_references_in_a_replacement_have_pointers_into_it() -> None:
    position_fields = {"actor": "ann", "topic": "talks", "stance": "support", "effective": "2022"}
    event = PositionCorrected.model_validate(
        {"target": UUID(int=1), "by": "us", "replacement": {**position_fields, "coder": "c"}}
    )
    pointers = ["/replacement/actor", "/replacement/topic"]
    assert pointers == [ref.pointer for ref in references(event)]


def test_annotations_are_kept_on_the_fields() -> None:
    assert Ref("actor") in StatementMade.model_fields["addressees"].metadata
    assert Section("names") in ActorRegistered.model_fields["identifiers"].metadata


def sections(model: type[BaseModel]) -> set[str]:
    """Every section of a model and of the models in it."""
    names = set()
    for field in model.model_fields.values():
        own = {mark.section for mark in field.metadata if isinstance(mark, Section)}
        for leaf, _ in leaves(field.annotation) if not own else ():
            if isinstance(leaf, type) and issubclass(leaf, BaseModel):
                own |= sections(leaf)
        names |= own
    return names


def test_every_section_of_a_statement_and_its_reasons_can_be_erased() -> None:
    erasable, _ = get_args(ErasureIn.model_fields["sections"].annotation)
    assert sections(Statement) | {"reason"} == set(get_args(erasable))
