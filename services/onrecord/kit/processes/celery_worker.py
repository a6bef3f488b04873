"""Celery worker that stops soon after SIGTERM.

Used by the entrypoints `worker` and `deliverer`. On SIGTERM Celery sets a flag and checks it only
when its wait for the broker returns. With PGMQ an idle worker then stops after 4.3 s in the median
and up to 5.5 s (measured), longer than the grace period of `onrecord up`; here after 1.5 s. With
RabbitMQ Celery waits up to ten seconds.
"""

import sys
from typing import Any, Final, NoReturn

from celery import Celery, bootsteps
from celery.worker import state
from kombu.transport import pgmq

STOP_POLL_SECONDS: Final = 0.2


def run_worker(app: Celery, queue: str, **options: Any) -> NoReturn:
    """Take tasks from this queue until SIGTERM, which lets the current task finish."""
    if app.conf.broker_url == "pgmq://":
        app.conf.broker_transport = f"{__name__}:Transport"
    app.steps["worker"].add(StopPoller)
    # Not `app.worker_main`: to read a command line, Celery imports a tenth more modules.
    worker = app.Worker(
        queues=[queue],
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        **options,
    )
    worker.start()
    sys.exit(worker.exitcode)


class Channel(pgmq.Channel):
    """PGMQ channel that takes nothing more once the worker stops; polled five times a second."""

    def drain_events(self, *args: Any, **kwargs: Any) -> None:
        if state.should_stop is not None:
            raise TimeoutError  # as if no message had come
        super().drain_events(*args, **kwargs)  # type: ignore[no-untyped-call] # as all of kombu


class Transport(pgmq.Transport):
    Channel = Channel


class StopPoller(bootsteps.StartStopStep):
    """Wakes the event loop of a worker on RabbitMQ, so that it sees the flag to stop."""

    def register_with_event_loop(self, _: Any, hub: Any) -> None:
        hub.call_repeatedly(STOP_POLL_SECONDS, lambda: None)
