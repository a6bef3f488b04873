"""Logging of the processes: one JSON object a line on stderr, whatever writes it.

Each line has `timestamp`, `level`, `process` and `event`; within a request also `request_id`,
within a task the `request_ids` of the writes that it was sent for, and within a trace its
`trace_id`. `ops/docs/observability.md` lists the fields.
"""

import json
import logging
import os
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

import orjson
import structlog
from asgi_correlation_id import correlation_id
from opentelemetry import trace
from structlog.typing import EventDict, Processor

log = structlog.get_logger()

_QUIET: Final = ("httpx2", "asyncio", "psycopg.pool", "celery", "kombu", "amqp", "opentelemetry")
"""Libraries of which only warnings and errors are logged."""

_STDERR: Final = 2


def configure(process: str) -> None:
    """Send all that this process logs, warns of or dies of to stderr, as JSON.

    The first thing that a process does, so that bad settings are a line too.
    """

    def add_process(_: object, __: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_process,  # not bound to the context, which other threads do not have
        _add_request_and_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    # Past the standard library, where a line costs over twice as much (ops/decisions/0063).
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_to_bytes)],
        logger_factory=_LineWriter,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    renderer = structlog.processors.JSONRenderer(serializer=_to_text)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for library in _QUIET:
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a line that cannot be written must not become text
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


class _LineWriter:
    """A logger of structlog that writes to stderr, each line at once.

    A disk that is full or a reader that went away must not fail what is logged.
    """

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: bytes) -> None:
        with suppress(OSError):
            os.write(_STDERR, line + b"\n")

    debug = info = warning = error = critical = msg


def _add_request_and_trace(_: object, __: str, event: EventDict) -> EventDict:
    if request_id := correlation_id.get():
        event["request_id"] = request_id
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
    return event


def _to_bytes(event: EventDict, **options: Any) -> bytes:
    try:
        return orjson.dumps(event, **options)
    except TypeError:  # half a surrogate pair, or a number of over 64 bits
        return json.dumps(event, **options).encode()


def _to_text(event: EventDict, **options: Any) -> str:
    return _to_bytes(event, **options).decode()


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Of `sys.excepthook`. Ctrl-C is no fault."""
    if not issubclass(kind, KeyboardInterrupt):
        log.critical("uncaught", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_type is not SystemExit:
        thread = uncaught.thread.name if uncaught.thread else None
        log.critical("uncaught in a thread", thread=thread, exc_info=uncaught.exc_value)


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    log.error("cannot be raised", where=unraisable.err_msg, exc_info=unraisable.exc_value)
