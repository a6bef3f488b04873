"""Forms of the pages to write: bodies that they become, errors beside fields, and passages."""

from typing import Any
from uuid import uuid4

import pytest

from onrecord.domain.statement import Statement
from onrecord.ingest.schemas import StatementIn
from onrecord.pages.writing.articles import (
    exact_passages,
    main_text,
    normalized,
    parse_place,
    similar_passages,
)
from onrecord.pages.writing.forms import Draft, PageForm
from onrecord.pages.writing.labels import LABELS, label_of
from onrecord.pages.writing.name_fields import NameChoice
from onrecord.pages.writing.statement_form import (
    fill_in_statement,
    mark_passage,
    name_fields,
    state_of_statement,
    statement_draft,
)
from onrecord.pages.writing.submission import FormProblem, PlannedWrite, validated
from tests.support import bodies

TEXT = normalized("Sie sagte 😀: “Cafe\u0301 ja”.\r\nEr sagte: ja, ja, ja.")


def nothing(_: object) -> Any:
    raise AssertionError("nothing is made of a body that is not valid")


def passages(quote: str) -> list[tuple[int, int]]:
    return [(passage.start, passage.end) for passage in exact_passages(TEXT, quote)]


def test_passages_are_counted_in_code_points_of_the_normalized_text() -> None:
    ((start, end),) = passages("😀: “Café")
    assert TEXT[start:end] == "😀: “Café"
    assert (start, end) == (10, 18)
    assert "\r" not in TEXT
    assert passages("ja”.\nEr") == [(19, 26)]


def test_all_places_are_given_also_where_they_overlap() -> None:
    assert len(passages("ja")) == 4
    assert len(passages("ja, ja")) == 2
    assert passages("") == passages("nein") == []


def test_a_combining_mark_makes_other_words() -> None:
    assert passages("Cafe") == []
    assert [passage.exact for passage in similar_passages(TEXT, 'CAFÉ  ja"')] == ["Café ja”"]


@pytest.mark.parametrize("place", ["", "5", "5-5", "7-6", "-1-4", "0-999", "٣-٤", "1-2-3"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    assert parse_place(TEXT, place) is None


def test_selected_words_win_over_other_places_only_if_they_are_the_quote() -> None:
    start = passages("ja")[3][0]
    form = PageForm({"text": [TEXT], "quote": ["ja"], "marked": [f"{start}-{start + 2}"]})
    passage, places = mark_passage(form)
    assert (passage and passage.start, places) == (start, [])
    form.set("quote", "Er")
    passage, _ = mark_passage(form)
    assert passage is not None
    assert passage.exact == "Er"


def test_text_is_no_html_and_stays_as_it_is() -> None:
    assert main_text(" if a < b and b > c\r\nthen\n") == " if a < b and b > c\nthen\n"


def test_a_statement_on_record_fills_a_form_that_becomes_the_same_statement() -> None:
    form = PageForm({"id": [str(uuid4())]})
    fill_in_statement(form, bodies.FULL_STATEMENT)
    ids = {name: form.value(name) for name in name_fields(form)}
    choices = {name: NameChoice("actor", id_, id_) for name, id_ in ids.items()}
    base = state_of_statement(bodies.FULL_STATEMENT, Statement.model_fields)
    draft = statement_draft(form, choices, base=base, at="/replacement")
    expected = StatementIn.model_validate(bodies.FULL_STATEMENT)
    assert StatementIn.model_validate(draft.document["replacement"]) == expected


def test_dates_at_the_latest_are_bounds() -> None:
    form = PageForm({"said_at": ["2022-12"], "said_at-latest": ["on"], "published_at": [" "]})
    assert form.date("said_at") == "../2022-12"
    assert form.date("published_at") is None
    form.set_date("said_at", "2022")
    assert form.date("said_at") == "2022"


def test_errors_stand_at_the_rows_in_which_they_were_typed() -> None:
    """Blank rows between are left out of the body."""
    form = PageForm(
        {
            "speakers-2-actor": ["emma"],
            "speakers-5-actor": ["emma"],
            "speakers-5-capacity": ["king"],
            "topics-3-topic": ["talks"],
            "topics-3-stance": ["love"],
        }
    )
    choices = {
        name: NameChoice(kind, form.value(name), "") for name, kind in name_fields(form).items()
    }
    draft = statement_draft(form, choices)
    with pytest.raises(FormProblem) as refused:
        validated(form, [PlannedWrite(draft, StatementIn, nothing)])
    assert refused.value.status == 422
    wrong = {"speakers-5-capacity", "topics-3-stance", "said_at", "said_at_basis", "coder"}
    assert wrong | {"quote", "lang", "mode", "url"} == set(form.errors)
    assert form.faults == []


def test_nul_is_refused_as_the_api_refuses_it() -> None:
    draft = Draft()
    draft.put("/coder", "coder", "a\0b")
    form = PageForm({})
    with pytest.raises(FormProblem) as refused:
        validated(form, [PlannedWrite(draft, StatementIn, nothing)])
    assert refused.value.status == 400
    assert "NUL" in form.faults[0]


def test_labels_are_of_fields_in_any_row() -> None:
    assert label_of("speakers-12-on_behalf_of-3") == LABELS["speakers-on_behalf_of"]
    assert label_of("speakers-0-actor-new_id") == LABELS["new_id"]
    assert label_of("said_at") == LABELS["said_at"]
