"""The request that a write or a task comes from: its id and its trace, for logs and traces only.

Used by the committer, which notes the request of each submission, and by `kit.celery`, which sends
them along in the headers of wake-up tasks.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from asgi_correlation_id import correlation_id
from opentelemetry import propagate

REQUEST_IDS: Final = "request_ids"
"""The header of a task with the ids of the requests that it was sent for."""


class RequestOrigin(NamedTuple):
    """The id of a request, and its trace as W3C trace context has it in headers."""

    request_id: str | None
    trace_headers: dict[str, str]


def current_origin() -> RequestOrigin:
    """That of the request that is being answered; empty outside of requests and traces."""
    trace_headers: dict[str, str] = {}
    propagate.inject(trace_headers)
    return RequestOrigin(correlation_id.get(), trace_headers)


def task_headers(origins: Sequence[RequestOrigin]) -> dict[str, Any]:
    """The headers of a task that these requests led to; its trace is that of the newest."""
    request_ids = dict.fromkeys(origin.request_id for origin in origins if origin.request_id)
    trace_headers = origins[-1].trace_headers if origins else {}
    return {**trace_headers, **({REQUEST_IDS: list(request_ids)} if request_ids else {})}
