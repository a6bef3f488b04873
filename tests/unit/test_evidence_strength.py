"""Strength of evidence: which date is the one of the last confirmation."""

from typing import Any

import pytest

from onrecord.domain.dates import last_instant
from onrecord.query.answers.evidence_strength import evidence_strength


def said(said_at: str, **over: Any) -> dict[str, Any]:
    return {"id": said_at, "said_at": said_at, "evidence": [{"url": "https://n/1"}], **over}


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        # a day says more than the month or year around it, which may have been before it
        (["2022-06", "2022-06-15"], "2022-06-15"),
        (["2022-06", "2022-06-30"], "2022-06-30"),
        (["2022", "2022-06", "2022-06-15T08:00:00Z"], "2022-06-15T08:00:00Z"),
        # from the same day on, the month reaches farther
        (["2022-06", "2022-06-01"], "2022-06"),
        # surely later
        (["2022-06", "2022-05-31"], "2022-06"),
        (["2022-06-15", "2022-07"], "2022-07"),
        (["2022-06-15T00:30:00+02:00", "2022-06-14T23:00:00Z"], "2022-06-14T23:00:00Z"),
        # at the latest on a day: perhaps long before
        (["../2022-12-31", "2021"], "2021"),
        (["../2021", "../2022"], "../2022"),
    ],
)
def test_the_last_confirmation_is_the_one_that_surely_was_latest(
    dates: list[str], expected: str
) -> None:
    for statements in (dates, dates[::-1]):
        strength = evidence_strength([said(date) for date in statements], last_instant("2023"))
        assert expected == strength.last_confirmed


def test_what_was_said_after_the_date_of_the_read_confirms_nothing_yet() -> None:
    statements = [said("2022-05"), said("2022-06"), said("2022-07")]
    strength = evidence_strength(statements, last_instant("2022-06-15"))
    assert "2022-06" == strength.last_confirmed
    accounts = [said("2022-06-01", embedded_in="x")]
    assert evidence_strength(accounts, last_instant("2023")).last_confirmed is None
