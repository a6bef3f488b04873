"""Is a failed delivery tried again when it was promised, and not for ever?"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.webhooks.delivery.backoff import GIVE_UP_AFTER, next_attempt

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
PROMISED = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]


def wait(attempts: int, retry_after: float | None = None, random: float = 0.0) -> timedelta | None:
    at = next_attempt(attempts, now=NOW, retry_after=retry_after, random=lambda: random)
    return None if at is None else at - NOW


def test_the_waits_are_those_promised_and_then_there_is_no_more() -> None:
    assert [*PROMISED, None, None] == [wait(attempts) for attempts in range(1, 12)]


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_makes_a_wait_up_to_a_fifth_longer_and_never_shorter(
    attempts: int, random: float
) -> None:
    promised = PROMISED[attempts - 1]
    found = wait(attempts, random=random)
    assert found is not None
    assert promised <= found <= promised * 1.2


def test_what_failed_together_does_not_come_back_together() -> None:
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
def test_a_receiver_may_ask_for_longer_up_to_a_day(
    attempts: int, retry_after: float, expected: timedelta | None
) -> None:
    assert expected == wait(attempts, retry_after)


def test_the_schedule_ends_before_its_endpoint_is_given_up() -> None:
    assert sum(PROMISED, timedelta()) < GIVE_UP_AFTER
    assert sum(PROMISED, timedelta()) * 1.2 < GIVE_UP_AFTER
