"""The date fields of a page, what its form keeps, and its permalink; the words of corrections."""

from datetime import UTC, datetime

import pytest
from starlette.requests import Request

from onrecord.pages.differing_words import differing_words
from onrecord.pages.frame.addresses import without_blanks
from onrecord.pages.frame.clocks import DateField, clocks_of, date_field, page_permalink
from onrecord.query.answers.schemas import Known

KNOWN = Known(size=7, at=datetime(2026, 12, 1, tzinfo=UTC), provisional=False)


def request(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (None, DateField("date", "")),
        ("2022-12-02", DateField("date", "2022-12-02")),
        ("2022-02", DateField("date", "2022-02-28")),
        ("2022", DateField("date", "2022-12-31")),
        ("2022-12-02T10:00:00Z", DateField("text", "2022-12-02T10:00:00Z")),
    ],
)
def test_a_date_field_means_what_the_address_means(text: str | None, field: DateField) -> None:
    assert field == date_field(text)


def test_the_form_keeps_filters_and_the_size_and_drops_the_cursor() -> None:
    clocks = clocks_of(request("topic=a&topic=b&known_size=5&cursor=x&as_of=2022"), KNOWN)
    assert [("topic", "a"), ("topic", "b")] == clocks.other_parameters
    assert ("5", True) == (clocks.kept_size, clocks.is_pinned)
    assert "?as_of=2022&known_size=5" == clocks.query
    assert not clocks_of(request("as_of=2022"), KNOWN).is_pinned


def test_a_date_that_is_filled_in_stands_above_the_size_that_the_form_kept() -> None:
    assert b"known_size=5&as_of=2022" == without_blanks(b"known_size=5&as_of=2022&known_at=")
    assert b"known_at=2022" == without_blanks(b"known_size=5&as_of=&known_at=2022")
    assert b"q=a%20b" == without_blanks(b"q=a%20b")


def test_a_permalink_has_both_clocks() -> None:
    link = page_permalink("https://x.example", "/actors/a/topics/b", "2022-01-01T00:00:00+01:00", 7)
    expected = "https://x.example/actors/a/topics/b?as_of=2022-01-01T00%3A00%3A00%2B01%3A00"
    assert f"{expected}&known_size=7" == link


def test_words_that_a_correction_changed_are_told_from_those_that_it_left() -> None:
    parts = differing_words("We are ready to talk.", "We are not ready to talk now.")
    assert "We are not ready to talk now." == "".join(p.text for p in parts if p.kind != "removed")
    assert "We are ready to talk." == "".join(p.text for p in parts if p.kind != "added")
    assert "not" in "".join(p.text for p in parts if p.kind == "added")


def test_two_long_texts_without_a_common_word_are_one_part_each() -> None:
    parts = differing_words("a " * 5_000, "b " * 5_000 + "c")
    assert ["removed", "added"] == [part.kind for part in parts]
