"""One log line and the HTTP metrics of each request. Installed by `install`.

A line names the route's template, never the address itself: ids and words of searches stay out of
logs. Parts that know more of a request add it to `log_fields` of its state (`kit.http.log_fields`).
"""

import re
import time
from typing import Any, Final

import structlog
from fastapi.routing import iter_route_contexts
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onrecord.kit.http.caller import Caller
from onrecord.kit.http.log_fields import LOG_FIELDS

log = structlog.get_logger()

_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
REQUESTS: Final = Counter(
    "onrecord_http_requests",
    "Requests, by route and status; 499: the client went away before the answer began.",
    ["method", "route", "status"],
)
SECONDS: Final = Histogram(
    "onrecord_http_request_seconds",
    "From a request's head to the beginning of its answer, which may be an endless stream.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_GONE: Final = 499


class RequestLogMiddleware:
    """Logs and counts each request once it is over. It stands inside of the request's id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._templates: list[tuple[re.Pattern[str], str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fields: dict[str, Any] = {}
        scope.setdefault("state", {})[LOG_FIELDS] = fields
        status, answered = _GONE, None

        async def send_noting_status(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter()
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, send_noting_status)
        except Exception:
            status = 500  # answered outside of all middleware
            raise
        finally:
            ended = time.perf_counter()
            route = self._route(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            REQUESTS.labels(method, route or "none", status).inc()
            SECONDS.labels(method, route or "none").observe((answered or ended) - began)
            _log(scope["state"], method, route, status, ended - began, fields)

    def _route(self, scope: Scope) -> str | None:
        """The template of the route, None where no route matches. Of mounted files, the folder."""
        if "route" in scope:
            route: str | None = getattr(scope["route"], "path", None)
            return route
        # Refused before it was routed, as without a key.
        if not self._templates:
            routes = iter_route_contexts(scope["app"].routes)
            self._templates = [
                (route.path_regex, route.path)
                for route in routes
                if route.path is not None and hasattr(route, "path_regex")
            ]
        matching = (path for regex, path in self._templates if regex.match(scope["path"]))
        return next(matching, None)


def _log(
    state: dict[str, Any],
    method: str,
    route: str | None,
    status: int,
    seconds: float,
    fields: dict[str, Any],
) -> None:
    caller: Caller | None = state.get("caller")
    # 503 and the like are meant: the process says that it is busy or not ready
    write = log.error if status == 500 else log.warning if status > 500 else log.info
    write(
        "request",
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 2),
        key=str(caller.id) if caller and caller.id else None,
        **fields,
    )
