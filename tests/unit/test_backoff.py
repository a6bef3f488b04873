"""Tests of the retry schedule of failed deliveries."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.webhooks.delivery.backoff import PAUSE_AFTER, next_attempt

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SCHEDULE = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]


def wait(attempts: int, retry_after: float | None = None, random: float = 0.0) -> timedelta | None:
    at = next_attempt(attempts, now=NOW, retry_after=retry_after, random=lambda: random)
    return None if at is None else at - NOW


def test_the_waits_are_those_documented_and_then_retries_end() -> None:
    assert [*SCHEDULE, None, None] == [wait(attempts) for attempts in range(1, 12)]


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_lengthens_a_wait_by_up_to_a_fifth(attempts: int, random: float) -> None:
    documented = SCHEDULE[attempts - 1]
    jittered = wait(attempts, random=random)
    assert jittered is not None
    assert documented <= jittered <= documented * 1.2


def test_deliveries_that_failed_together_are_retried_apart() -> None:
    assert 11 == len({wait(3, random=n / 10) for n in range(11)})


@pytest.mark.parametrize(
    ("attempts", "retry_after", "expected"),
    [
        (1, 0.0, timedelta(seconds=5)),
        (1, 4.0, timedelta(seconds=5)),
        (1, 120.0, timedelta(seconds=120)),
        (2, 120.0, timedelta(minutes=5)),
        (1, 86_400.0, timedelta(hours=24)),
        (1, 86_401.0, timedelta(hours=24)),
        (1, 9_999_999_999.0, timedelta(hours=24)),
        (1, float("inf"), timedelta(hours=24)),
        (9, 9_999_999_999.0, timedelta(hours=24)),
        (10, 60.0, None),
    ],
)
def test_retry_after_lengthens_a_wait_up_to_a_day(
    attempts: int, retry_after: float, expected: timedelta | None
) -> None:
    assert expected == wait(attempts, retry_after)


def test_the_schedule_ends_before_its_endpoint_is_paused() -> None:
    assert sum(SCHEDULE, timedelta()) < PAUSE_AFTER
    assert sum(SCHEDULE, timedelta()) * 1.2 < PAUSE_AFTER
