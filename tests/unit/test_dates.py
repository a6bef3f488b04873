"""What span of time does a date on record mean, and what is no date at all?"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from onrecord.domain.dates import Bounds, DateText, InvalidDate, bounds, last_instant

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

SPANS = {
    "2022-03-20": ("2022-03-20T00:00:00", "2022-03-20T23:59:59.999999"),
    "2024-02-29": ("2024-02-29T00:00:00", "2024-02-29T23:59:59.999999"),
    "2022-03": ("2022-03-01T00:00:00", "2022-03-31T23:59:59.999999"),
    "2024-02": ("2024-02-01T00:00:00", "2024-02-29T23:59:59.999999"),
    "2100-02": ("2100-02-01T00:00:00", "2100-02-28T23:59:59.999999"),
    "2022": ("2022-01-01T00:00:00", "2022-12-31T23:59:59.999999"),
    "0001": ("0001-01-01T00:00:00", "0001-12-31T23:59:59.999999"),
    "9999": ("9999-01-01T00:00:00", "9999-12-31T23:59:59.999999"),
    "9999-12": ("9999-12-01T00:00:00", "9999-12-31T23:59:59.999999"),
}
INSTANTS = {
    "2022-03-20T09:30:00Z": "2022-03-20T09:30:00",
    "2022-03-20T09:30:00+00:00": "2022-03-20T09:30:00",
    "2022-03-20T09:30:00-00:00": "2022-03-20T09:30:00",
    "2022-03-20T09:30:00+01:00": "2022-03-20T08:30:00",
    "2022-03-20T23:30:00-05:45": "2022-03-21T05:15:00",
    "2022-03-20T09:30:00.5Z": "2022-03-20T09:30:00.500000",
    "2022-03-20T09:30:00.000001Z": "2022-03-20T09:30:00.000001",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00",
    "0001-01-01T05:00:00+05:00": "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999",
}
NO_DATES = [
    # days, months and years that no calendar has
    *("2022-02-30", "2022-02-29", "2022-13", "2022-00", "2022-01-00", "2022-04-31", "0000"),
    *("0000-01-01", "10000", "10000-01-01", "-2022", "+2022", "22", "202", "2022-1", "2022-1-1"),
    # intervals, open ends, and EDTF beyond level 0
    *("2022-05/2022-03", "2022-03/2022-05", "2022/..", "2022/", "/2022", "..", "../", "../.."),
    *("../../2022", "2022~", "2022?", "202X", "2022-21", "Y12022", "[2022,2023]", "../2022/2023"),
    # instants without offset, or out of range
    *("2022-03-20T09:30:00", "2022-03-20T09:30", "2022-03-20T09:30Z", "2022-03-20T09Z"),
    *("2022-03-20 09:30:00Z", "2022-03-20t09:30:00z", "2022-03-20T09:30:00+0100"),
    *("2022-03-20T09:30:00+01", "2022-03-20T25:00:00Z", "2022-03-20T24:00:00Z"),
    *("2022-03-20T23:60:00Z", "2022-03-20T23:59:61Z", "2022-02-30T00:00:00Z"),
    *("2022-03-20T09:30:00.Z", "2022-03-20T09:30:00.1234567Z", "2022-03-20T09:30:00,5Z"),
    *("2022-03-20T09:30:00+24:00", "2022-03-20T09:30:00+99:00"),
    # an offset leads out of the years 1 to 9999
    *("0001-01-01T00:00:00+00:01", "0001-01-01T04:59:59+05:00"),
    *("9999-12-31T23:59:59-00:01", "9999-12-31T20:00:00-05:00", "0000-12-31T23:00:00-05:00"),
    # other spellings
    *("", " ", "2022 ", " 2022", "2022\n", "2022-03-20\n", "today", "2022-W12", "2022-079"),
    *("20220320", "٢٠٢٢", "２０２２", "2022-٠٣", "2022\x00", "2022–03", "1e3", "2022.0"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("text", "span"), SPANS.items())
def test_a_day_a_month_or_a_year_spans_all_of_it_in_utc_and_stands_at_its_start(
    text: str, span: tuple[str, str]
) -> None:
    first, last = map(utc, span)
    assert Bounds(first, last, first) == bounds(text)
    assert last == last_instant(text)


@pytest.mark.parametrize(("text", "instant"), INSTANTS.items())
def test_an_instant_spans_only_itself(text: str, instant: str) -> None:
    assert Bounds(utc(instant), utc(instant), utc(instant)) == bounds(text)
    assert utc(instant) == last_instant(text)


@pytest.mark.parametrize("text", [*SPANS, *INSTANTS])
def test_at_the_latest_begins_with_the_calendar_and_stands_at_its_end(text: str) -> None:
    last = bounds(text).latest
    assert Bounds(BEGINNING, last, last) == bounds(f"../{text}")


@pytest.mark.parametrize("text", NO_DATES)
def test_anything_else_is_no_date(text: str) -> None:
    for spelling in (text, f"../{text}"):
        with pytest.raises(InvalidDate):
            bounds(spelling)
        with pytest.raises(InvalidDate):
            last_instant(spelling)
        with pytest.raises(ValidationError):
            TypeAdapter(DateText).validate_python(spelling)


@pytest.mark.parametrize("text", ["2022-03-20T09:30:00+01:60", "2022-03-20T09:30:00-00:99"])
def test_the_minutes_of_an_offset_end_at_59(text: str) -> None:
    """RFC 3339, section 5.6: time-minute. Python's own parser lets them through."""
    with pytest.raises(InvalidDate):
        bounds(text)


def test_at_the_latest_is_no_moment_to_ask_about() -> None:
    with pytest.raises(InvalidDate):
        last_instant("../2022")


def test_a_date_is_kept_as_it_was_given() -> None:
    for text in [*SPANS, *INSTANTS, "../2022-03"]:
        assert text == TypeAdapter(DateText).validate_python(text)


def test_a_refusal_shows_the_forms_and_not_more_than_a_glance_of_the_text() -> None:
    with pytest.raises(InvalidDate) as refused:
        bounds("x" * 10_000)
    assert "2022-03-20T09:30:00+01:00" in str(refused.value)
    assert len(str(refused.value)) < 300


@given(st.dates(min_value=date(1, 1, 1)))
def test_a_year_contains_its_months_and_a_month_its_days(day: date) -> None:
    of_day, of_month, of_year = (
        bounds(text) for text in (day.isoformat(), day.isoformat()[:7], day.isoformat()[:4])
    )
    assert of_year.earliest <= of_month.earliest <= of_day.earliest
    assert of_day.earliest < of_day.latest
    assert of_day.latest <= of_month.latest <= of_year.latest
    days = monthrange(day.year, day.month)[1]
    assert timedelta(days) - MICROSECOND == of_month.latest - of_month.earliest
    assert timedelta(1) - MICROSECOND == of_day.latest - of_day.earliest


@given(st.dates(min_value=date(1, 1, 1), max_value=date(9999, 12, 30)))
def test_the_next_day_begins_one_microsecond_after_the_last(day: date) -> None:
    following = bounds((day + timedelta(1)).isoformat())
    assert following.earliest == bounds(day.isoformat()).latest + MICROSECOND


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_an_instant_is_the_same_in_every_offset(local: datetime, minutes: int) -> None:
    here = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert here.astimezone(UTC) == bounds(here.isoformat()).earliest
    assert bounds(here.isoformat()) == bounds(here.astimezone(UTC).isoformat())


@given(st.text(max_size=30) | st.from_regex(r"(\.\./)?[0-9]{4}(-[0-9]{2}){0,2}(T.{0,20})?\Z"))
def test_any_text_has_ordered_bounds_within_the_calendar_or_is_refused(text: str) -> None:
    try:
        earliest, latest, sorts_at = bounds(text)
    except InvalidDate:
        return
    assert BEGINNING <= earliest <= latest <= END
    assert sorts_at == (latest if text.startswith("../") else earliest)
    assert {UTC} == {earliest.tzinfo, latest.tzinfo, sorts_at.tzinfo}
