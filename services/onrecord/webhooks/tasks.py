"""Which Celery task wakes the deliverer, and which queue is it in?

One bell without data, rung after a fan-out and by the door, and sent by beat as a sweep. It may be
lost or doubled: the deliverer looks by itself too.
"""

from collections.abc import Callable
from typing import Final

from celery import Celery

from onrecord.kit.celery import every

QUEUE: Final = "webhooks"
WAKE: Final = "onrecord.webhooks.wake"
SWEEP_SECONDS: Final = 2.0


def register(app: Celery, wake: Callable[[], None]) -> None:
    """Give the deliverer's worker its task."""

    @app.task(name=WAKE, shared=False)
    def woken() -> None:
        wake()


def schedule(app: Celery) -> None:
    """Give beat its schedule, beside what it has. One not taken within two intervals is void."""
    app.conf.beat_schedule = {
        **app.conf.beat_schedule,
        "wake": {
            "task": WAKE,
            "schedule": every(SWEEP_SECONDS),
            "options": {"expires": 2 * SWEEP_SECONDS, "queue": QUEUE},
        },
    }


def ring(app: Celery) -> None:
    """Wake a deliverer, from a worker. A broker that is away is not waited for."""
    app.send_task(WAKE, retry=False, queue=QUEUE)
