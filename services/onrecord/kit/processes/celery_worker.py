"""Celery worker in one process that stops soon after SIGTERM.

One process (the solo pool) and not a pool of child processes: Celery's prefork pool reads its tasks
under a semaphore that dies with the child that holds it, and then stands still for good (decision
0037). Several workers run beside each other instead.

Used by the entrypoints `worker` and `deliverer`. On SIGTERM Celery sets a flag and checks it only
when its wait for the broker returns. With PGMQ an idle worker then stops after 4.3 s in the median
and up to 5.5 s (measured), longer than the grace period of `onrecord up`; here after 1.5 s. With
RabbitMQ Celery waits up to ten seconds.
"""

import sys
from typing import Any, Final, NoReturn

import structlog
from celery import Celery, bootsteps
from celery.apps import worker as celery_apps_worker
from celery.worker import state

from onrecord.kit import pgmq_transport

log = structlog.get_logger()

STOP_POLL_SECONDS: Final = 0.2


def run_worker(app: Celery, queue: str) -> NoReturn:
    """Take tasks from this queue, one after the other, until SIGTERM; the current one finishes."""
    if app.conf.broker_url == "pgmq://":
        app.conf.broker_transport = f"{__name__}:StoppableTransport"
    app.steps["worker"].add(StopPoller)
    # Not `app.worker_main`: to read a command line, Celery imports a tenth more modules.
    worker = app.Worker(
        queues=[queue],
        pool="solo",
        concurrency=1,  # or Celery prefetches for each CPU of the machine
        quiet=True,  # no banner
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    # Celery says in plain text that it was told to stop.
    celery_apps_worker.safe_say = lambda *_: None  # type: ignore[attr-defined]
    worker.start()
    log.info("the worker stopped")
    sys.exit(worker.exitcode)


class StoppableChannel(pgmq_transport.ListeningChannel):
    """PGMQ channel that takes nothing more once the worker stops; polled five times a second."""

    def drain_events(self, *args: Any, **kwargs: Any) -> None:
        if state.should_stop is not None:
            raise TimeoutError  # as if no message had come
        super().drain_events(*args, **kwargs)  # type: ignore[no-untyped-call] # as all of kombu


class StoppableTransport(pgmq_transport.ListeningTransport):
    Channel = StoppableChannel


class StopPoller(bootsteps.StartStopStep):
    """Wakes the event loop of a worker on RabbitMQ, so that it sees the flag to stop."""

    def register_with_event_loop(self, _: Any, hub: Any) -> None:
        hub.call_repeatedly(STOP_POLL_SECONDS, lambda: None)
