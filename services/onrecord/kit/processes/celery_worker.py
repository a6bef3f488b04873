"""How is a process a Celery worker, and how does it end as soon as it is asked to?

Called by the entrypoints that are workers. On SIGTERM Celery notes that it is to end, and looks at
the note when it has done waiting for its broker: two to four seconds with PGMQ, in which it takes
further bells, and up to ten with RabbitMQ. Whoever asked may kill it before that.
"""

import sys
from typing import Any, Final, NoReturn

from celery import Celery, bootsteps
from celery.worker import state
from kombu.transport import pgmq

LOOK: Final = 0.2
"""Seconds after which a worker that waits for RabbitMQ looks whether it is to end."""


def run(app: Celery, queue: str, **options: Any) -> NoReturn:
    """Take this queue's tasks until SIGTERM, which lets the task under way finish."""
    if app.conf.broker_url == "pgmq://":
        app.conf.broker_transport = f"{__name__}:Transport"
    app.steps["worker"].add(Looking)
    # not by `worker_main`: to read a command line, Celery imports a tenth of all that is imported
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
    """Takes nothing more once the worker is to end. It is asked five times a second."""

    def drain_events(self, *args: Any, **kwargs: Any) -> None:
        if state.should_stop is not None:
            raise TimeoutError  # as if nothing had come in all that time
        super().drain_events(*args, **kwargs)  # type: ignore[no-untyped-call] # as all of kombu


class Transport(pgmq.Transport):
    Channel = Channel


class Looking(bootsteps.StartStopStep):
    """Wakes the event loop of a worker that has one, as with RabbitMQ, now and then."""

    def register_with_event_loop(self, _: Any, hub: Any) -> None:
        hub.call_repeatedly(LOOK, lambda: None)
