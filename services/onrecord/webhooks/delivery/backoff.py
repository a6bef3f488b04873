"""When is a delivery that failed tried again, and when is it given up?

Called by `deliver`, which keeps the answer in the delivery's row. The jitter is ours, one line:
stamina and urllib3 know no table of waits, and tenacity's `wait_chain` wants the state of a call
that waits in this process, where ours waits for hours in a row.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

SCHEDULE: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, *(hours * 3600 for hours in (0.5, 2, 5, 10, 14, 20, 24)))
)
JITTER: Final = 0.2
"""Each wait is longer by up to this part of it, so that what failed together does not come back
together. Never shorter: the schedule is what a receiver was promised."""

MOST: Final = timedelta(hours=24)
"""The longest that a receiver may ask us to wait."""

GIVE_UP_AFTER: Final = timedelta(days=5)
"""An endpoint that has failed for so long, without one success, is paused."""


def next_attempt(
    attempts: int,
    *,
    now: datetime,
    retry_after: float | None,
    random: Callable[[], float],
) -> datetime | None:
    """When to try again after `attempts` failures (1 or more); None where all are used up.

    `retry_after`, in seconds, is what the receiver asked for: it makes a wait longer, not shorter.
    `random` gives a number from 0 to 1.
    """
    if attempts > len(SCHEDULE):
        return None
    wait = SCHEDULE[attempts - 1] * (1 + JITTER * random())
    asked = timedelta(seconds=min(retry_after or 0, MOST.total_seconds()))
    return now + max(wait, asked)
