"""How is Celery set up, and how is a bell rung?

One configuration for worker, beat and those who only ring. A task here is a bell ("catch up"),
never the carrier of an event, so it may be lost, doubled or late; what it wakes reads the ledger.
RabbitMQ (quorum queues) by `amqp://`, or PGMQ inside PostgreSQL by `pgmq://`, which is the
embedded default.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from celery import Celery
from celery.schedules import schedule
from kombu import Exchange, Queue

from onrecord.kit.sql.db import conninfo

log = structlog.get_logger()

QUEUE: Final = "onrecord"
QUEUES: Final = (QUEUE, "webhooks")
"""One for each kind of worker; each takes from its own."""
PAUSE: Final = 0.02
"""Least seconds between two bells of one process."""

_PGMQ_OPTIONS: Final = {
    "use_notify": True,
    "notify_throttle_interval_ms": 0,  # its default of 250 ms would be every reader's delay
    "wait_time_seconds": 0,
    "polling_interval": 0.2,
    "visibility_timeout": 60,
    "init_extension": False,
    "pool_size": 2,
    "pool_timeout": 5,
}


def make(broker_url: str) -> Celery:
    """A Celery application on this broker, with no tasks yet."""
    pgmq = urlsplit(broker_url).scheme == "pgmq"
    app = Celery("onrecord", broker="pgmq://" if pgmq else broker_url, set_as_current=False)
    options: dict[str, Any] = {"confirm_publish": True}
    if pgmq:
        # PGMQ ignores `?host=` in an address, so it gets the key=value form.
        dsn = conninfo(broker_url.replace("pgmq://", "postgresql://", 1))
        options = {**_PGMQ_OPTIONS, "conn_string": dsn}
    app.conf.update(
        broker_transport_options=options,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=5,
        task_default_queue=QUEUE,
        task_queues=[
            Queue(
                one,
                Exchange(QUEUE),
                routing_key=one,  # or each bell would ring in every queue
                queue_arguments=None if pgmq else {"x-queue-type": "quorum"},
            )
            for one in QUEUES
        ],
        task_default_queue_type="classic" if pgmq else "quorum",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        worker_prefetch_multiplier=2,
        worker_enable_remote_control=False,  # no pidbox queues: there is nothing to steer
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
    )
    return app


def every(seconds: float) -> schedule:
    """A schedule of beat that keeps its pace when the clock is set back, as by the clock alone
    nothing would be sent until it is again as late as it was.
    """
    start, began = datetime.now(UTC), time.monotonic()
    return schedule(
        timedelta(seconds=seconds),
        nowfun=lambda: start + timedelta(seconds=time.monotonic() - began),
    )


class Bell:
    """Rings one task, at most every `PAUSE` seconds, from a thread of its own.

    A broker that is away costs its writers nothing: the ring is logged and dropped, and the sweep
    that beat sends makes up for it.
    """

    def __init__(self, app: Celery, task: str, *, queue: str = QUEUE) -> None:
        self._app, self._task, self._queue = app, task, queue
        self._rung, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ring(self) -> None:
        """Ask for a ring. Never waits."""
        self._rung.set()

    def stop(self) -> None:
        self._over.set()
        self._rung.set()
        self._thread.join(timeout=6)

    def _run(self) -> None:
        well = True
        while self._rung.wait() and not self._over.is_set():
            self._rung.clear()
            try:
                self._app.send_task(self._task, retry=False, queue=self._queue)
                if not well:
                    log.info("the broker is back")
                well = True
            except Exception:  # each transport has errors of its own; all mean the same here
                if well:
                    log.warning("the broker is away; the sweep takes over", exc_info=True)
                well = False
            self._over.wait(PAUSE)
