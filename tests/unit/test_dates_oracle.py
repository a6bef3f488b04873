"""Are the bounds of a date those that another implementation of EDTF gives it?

The `edtf` package works in days: it drops times and takes reversed intervals, so that instants and
what is no date are held by the written cases of `test_dates`.
"""

from datetime import UTC, date, datetime
from time import struct_time

from edtf import parse_edtf
from hypothesis import given
from hypothesis import strategies as st

from onrecord.domain.dates import bounds

DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))
PRECISION = st.sampled_from([len("2022"), len("2022-03"), len("2022-03-20")])


def day(found: struct_time) -> date:
    return date(found.tm_year, found.tm_mon, found.tm_mday)


@given(DAYS, PRECISION)
def test_a_day_a_month_and_a_year_span_the_days_that_edtf_says(when: date, digits: int) -> None:
    text = when.isoformat()[:digits]
    oracle, found = parse_edtf(text), bounds(text)
    assert day(oracle.lower_strict()) == found.earliest.date()
    assert day(oracle.upper_strict()) == found.latest.date()


@given(DAYS, PRECISION)
def test_at_the_latest_then_ends_on_the_day_that_edtf_says_and_sorts_there(
    when: date, digits: int
) -> None:
    text = f"../{when.isoformat()[:digits]}"
    oracle, found = parse_edtf(text), bounds(text)
    assert day(oracle.upper_strict()) == found.latest.date() == found.sorts_at.date()
    assert datetime(1, 1, 1, tzinfo=UTC) == found.earliest
