"""HTTP methods of every API: HEAD wherever GET is, OPTIONS, and 405 with all methods of an address.

Installed by `install`. FastAPI's routes do not take HEAD, and Starlette's 405 names the methods of
the first route that matches only.
"""

import asyncio
from collections.abc import Iterator

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onrecord.kit.http.problems import Problem


class HeadMiddleware:
    """Answers HEAD with the status and headers of GET. A body is not sent, and a stream not begun.

    It stands before the compression of answers, so that headers are those of GET there too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        sent = asyncio.Event()

        async def send_head(message: Message) -> None:
            """Send the head, and never return: whoever makes the body is cancelled here."""
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                sent.set()
                await asyncio.Event().wait()

        as_get = {**scope, "method": "GET"}
        answer = asyncio.ensure_future(self._app(as_get, receive, send_head))
        head = asyncio.ensure_future(sent.wait())
        try:
            await asyncio.wait((answer, head), return_when=asyncio.FIRST_COMPLETED)
        finally:
            answer.cancel()
            head.cancel()
            await asyncio.gather(answer, head, return_exceptions=True)
            if "route" in as_get:  # for the request's log line
                scope["route"] = as_get["route"]
        if not sent.is_set():
            answer.result()  # raises its error


def allowed_methods(request: Request) -> list[str]:
    """The methods of all routes at the address of a request, for `Allow`."""
    methods = {"OPTIONS", *_methods_of_routes(request)}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)


def _methods_of_routes(request: Request) -> Iterator[str]:
    path = request.scope["path"]
    for route in iter_route_contexts(request.app.routes):
        regex = getattr(route, "path_regex", None)
        if regex is None or not regex.match(path):
            continue
        # A route that refuses edits of a record offers no method; the read API offers GET there,
        # perhaps in another process. A mount has no methods either: it is of files.
        is_read = getattr(route, "status_code", None) == 405 or route.methods is None
        yield from ("GET",) if is_read else route.methods or ()


def install_methods(app: FastAPI) -> None:
    """Answer OPTIONS, and other methods that an address does not offer."""

    async def not_offered(request: Request, error: Exception) -> Response:
        allow = {"Allow": ", ".join(allowed_methods(request))}
        if isinstance(error, Problem):
            error.headers = {**(error.headers or {}), **allow}
            return error.response()
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=allow)
        assert isinstance(error, HTTPException)
        detail = f"{request.method} is not offered here; the header Allow lists what is."
        return Problem(405, "method-not-allowed", detail, headers=allow).response()

    app.add_exception_handler(405, not_offered)
