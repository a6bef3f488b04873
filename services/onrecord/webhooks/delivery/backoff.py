"""Retry schedule of failed deliveries, with jitter. Used by the deliverer.

Retries wait for hours, in a column of the delivery's row, so a library that retries within a call
(tenacity, stamina) does not fit.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

SCHEDULE: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, *(hours * 3600 for hours in (0.5, 2, 5, 10, 14, 20, 24)))
)
# Each wait is longer by up to this share, so that what failed together is not retried together;
# never shorter, because the schedule is documented.
JITTER: Final = 0.2
MAX_RETRY_AFTER: Final = timedelta(hours=24)
PAUSE_AFTER: Final = timedelta(days=5)  # without a success, an endpoint that fails is paused


def next_attempt(
    attempts: int,
    *,
    now: datetime,
    retry_after: float | None,
    random: Callable[[], float],
) -> datetime | None:
    """When to try again after `attempts` failures (1 or more); None if no retries are left.

    `retry_after`, in seconds, is the receiver's `Retry-After`; it can only lengthen the wait.
    `random` returns a number from 0 to 1.
    """
    if attempts > len(SCHEDULE):
        return None
    wait = SCHEDULE[attempts - 1] * (1 + JITTER * random())
    requested = timedelta(seconds=min(retry_after or 0, MAX_RETRY_AFTER.total_seconds()))
    return now + max(wait, requested)
