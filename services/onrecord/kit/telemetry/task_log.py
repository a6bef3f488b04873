"""Log lines, metrics and spans of Celery tasks. Used by the entrypoints of Celery's processes.

A sweep runs every two seconds and has a line only if it fails; a task that a request led to has one
always, with the ids of these requests, and so have the lines that are written while it runs.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import structlog
from celery import Task
from celery.signals import after_task_publish, setup_logging, task_postrun, task_prerun
from opentelemetry import propagate, trace
from prometheus_client import Counter, Histogram

from onrecord.kit.telemetry.request_origin import REQUEST_IDS

log = structlog.get_logger()

SENT: Final = Counter("onrecord_tasks_sent", "Tasks that this process has sent.", ["task"])
TASKS: Final = Counter(
    "onrecord_tasks", "Tasks that have run, by how they ended.", ["task", "state"]
)
SECONDS: Final = Histogram(
    "onrecord_task_seconds",
    "The run of a task.",
    ["task"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


@dataclass(frozen=True)
class _Run:
    began: float
    context: ExitStack
    request_ids: list[str]


def install_task_log() -> None:
    """Log, count and trace the tasks that this process runs and sends, from here on."""
    runs: dict[str, _Run] = {}

    def begin(task_id: str, task: Task[..., Any], **_: object) -> None:
        headers = task.request.headers or {}
        request_ids = headers.get(REQUEST_IDS, [])
        context = ExitStack()
        tracer = trace.get_tracer(__name__)
        kind = trace.SpanKind.CONSUMER
        parent = propagate.extract(headers)
        span = tracer.start_as_current_span(task.name, context=parent, kind=kind)
        context.enter_context(span)
        if request_ids:
            bound = structlog.contextvars.bound_contextvars(request_ids=request_ids)
            context.enter_context(bound)
        runs[task_id] = _Run(time.perf_counter(), context, request_ids)

    def end(task_id: str, task: Task[..., Any], state: str, **_: object) -> None:
        run = runs.pop(task_id)
        seconds = time.perf_counter() - run.began
        with run.context:
            if run.request_ids or state != "SUCCESS":
                log.info("task", task=task.name, state=state, ms=round(seconds * 1000, 2))
        TASKS.labels(task.name, state).inc()
        SECONDS.labels(task.name).observe(seconds)

    def count_sent(sender: str, **_: object) -> None:
        SENT.labels(sender).inc()

    task_prerun.connect(begin, weak=False)
    task_postrun.connect(end, weak=False)
    after_task_publish.connect(count_sent, weak=False)
    # With a receiver, Celery leaves the log as it is; else its own handlers write plain text.
    setup_logging.connect(lambda **_: None, weak=False)
