"""Logging of the processes: JSON lines on stderr, with the request's id in requests."""

import logging
import sys

import structlog
from asgi_correlation_id import correlation_id


def _request_id(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if request_id := correlation_id.get():
        event["request"] = request_id
    return event


def configure(process: str) -> None:
    """Send structlog and the standard library's logs to stderr, one JSON object a line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(),
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for library in ("httpx2", "asyncio", "psycopg.pool"):
        logging.getLogger(library).setLevel(logging.WARNING)
