"""The Celery task that wakes the deliverer, its queue and its schedule.

Sent by the worker after a fan-out, by the webhooks API, and by beat as a sweep. A task carries no
data and may be lost or doubled: the deliverer also polls.
"""

from collections.abc import Callable
from typing import Final

from celery import Celery

from onrecord.kit.celery import every

QUEUE: Final = "webhooks"
WAKE: Final = "onrecord.webhooks.wake"
SWEEP_SECONDS: Final = 2.0


def register_wake(app: Celery, wake: Callable[[], None]) -> None:
    """Define the task in the deliverer's process."""

    @app.task(name=WAKE, shared=False)
    def wake_deliverer() -> None:
        wake()


def schedule_wake(app: Celery) -> None:
    """Add the sweep to beat's schedule. A task that waits for two intervals expires."""
    app.conf.beat_schedule = {
        **app.conf.beat_schedule,
        "wake": {
            "task": WAKE,
            "schedule": every(SWEEP_SECONDS),
            "options": {"expires": 2 * SWEEP_SECONDS, "queue": QUEUE},
        },
    }


def send_wake(app: Celery) -> None:
    """Wake a deliverer, from a worker. Does not wait for a broker that is away."""
    app.send_task(WAKE, retry=False, queue=QUEUE)
