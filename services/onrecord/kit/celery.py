"""Celery configuration, and the notifier that sends wake-up tasks after a commit.

Used by worker, deliverer, beat and the APIs. A task is a notification ("catch up") and carries no
event, so it may be lost, doubled or late: its receiver reads the ledger. Its headers name the
requests that it was sent for, for logs and traces only. The broker is RabbitMQ
(`amqp://`, quorum queues), or PGMQ inside PostgreSQL (`pgmq://`, the embedded default).
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from celery import Celery
from celery.schedules import schedule
from kombu import Connection, Exchange, Queue

from onrecord.kit.sql.db import conninfo
from onrecord.kit.telemetry.request_origin import RequestOrigin, task_headers

log = structlog.get_logger()

QUEUE: Final = "onrecord"
QUEUES: Final = (QUEUE, "webhooks")
"""One queue for each kind of worker."""
MAX_ORIGINS: Final = 100
"""Requests that one notification names."""
MIN_INTERVAL: Final = 0.02
"""Seconds between two notifications of one notifier, at least."""

_PGMQ_OPTIONS: Final = {
    "use_notify": True,
    "wait_time_seconds": 0,
    "polling_interval": 0.2,
    "visibility_timeout": 60,
    "init_extension": False,
    "pool_size": 2,
    "pool_timeout": 5,
}


class BrokerConnection(Connection):
    """Connection that tries to reach its broker each second; kombu waits up to 30 s in between."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        options |= {"interval_start": 1, "interval_step": 0, "interval_max": 1}
        return super().ensure_connection(*args, **options)


def create_celery(broker_url: str) -> Celery:
    """A Celery application on this broker, without tasks."""
    pgmq = urlsplit(broker_url).scheme == "pgmq"
    app = Celery("onrecord", broker="pgmq://" if pgmq else broker_url, set_as_current=False)
    if pgmq:
        app.conf.broker_transport = "onrecord.kit.pgmq_transport:ListeningTransport"
    options: dict[str, Any] = {"confirm_publish": True}
    if pgmq:
        # PGMQ ignores `?host=` in a URL, so it gets the key=value form.
        dsn = conninfo(broker_url.replace("pgmq://", "postgresql://", 1))
        options = {**_PGMQ_OPTIONS, "conn_string": dsn}
    app.conf.update(
        broker_transport_options=options,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=5,
        broker_connection_max_retries=None,
        task_default_queue=QUEUE,
        task_queues=[
            Queue(
                name,
                Exchange(QUEUE),
                routing_key=name,  # without it each task would go to every queue
                queue_arguments=None if pgmq else {"x-queue-type": "quorum"},
            )
            for name in QUEUES
        ],
        task_default_queue_type="classic" if pgmq else "quorum",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        worker_prefetch_multiplier=2,
        worker_enable_remote_control=False,  # no pidbox queues
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
    )
    app.amqp.Connection = BrokerConnection  # of workers and of beat
    return app


def every(seconds: float) -> schedule:
    """A schedule for beat that runs on the monotonic clock.

    By the wall clock, beat would send nothing after the clock is set back, until it is past the
    time of the last task.
    """
    start, start_monotonic = datetime.now(UTC), time.monotonic()
    return schedule(
        timedelta(seconds=seconds),
        nowfun=lambda: start + timedelta(seconds=time.monotonic() - start_monotonic),
    )


class TaskNotifier:
    """Sends a wake-up task from its own thread, at most every `MIN_INTERVAL` seconds.

    A caller never waits for the broker. While the broker is away, notifications are logged and
    dropped, and beat's periodic sweep replaces them.
    """

    def __init__(self, app: Celery, task: str, *, queue: str = QUEUE) -> None:
        self._app, self._task, self._queue = app, task, queue
        self._pending, self._stopping = threading.Event(), threading.Event()
        self._origins: deque[RequestOrigin] = deque(maxlen=MAX_ORIGINS)
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def notify(self, origins: Sequence[RequestOrigin] = ()) -> None:
        """Request a notification and return at once. Requests within the interval share one.

        `origins`: the requests that led to it, of which the newest go along.
        """
        self._origins.extend(origins)
        self._pending.set()

    def stop(self) -> None:
        self._stopping.set()
        self._pending.set()
        self._thread.join(timeout=6)

    def _taken_origins(self) -> list[RequestOrigin]:
        return [self._origins.popleft() for _ in range(len(self._origins))]

    def _run(self) -> None:
        connected = True
        while self._pending.wait() and not self._stopping.is_set():
            self._pending.clear()
            headers = task_headers(self._taken_origins())
            try:
                self._app.send_task(self._task, headers=headers, retry=False, queue=self._queue)
                if not connected:
                    log.info("the broker is back")
                connected = True
            except Exception:  # each transport has its own errors; all mean the same here
                if connected:
                    log.warning("the broker is away; the sweep takes over", exc_info=True)
                connected = False
            self._stopping.wait(MIN_INTERVAL)
