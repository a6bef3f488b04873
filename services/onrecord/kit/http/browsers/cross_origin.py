"""ASGI middleware for requests from pages of other origins: no writes, reads by CORS.

A browser sends `Sec-Fetch-Site` (where the address is trustworthy) and, with each write, `Origin`.
Programs that are no browser send neither. Installed by `entrypoints.app_factory`.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from onrecord.kit.http.problems import Problem

_READS: Final = ("GET", "HEAD")
_SAFE_METHODS: Final = frozenset({*_READS, "OPTIONS"})
_REQUEST_HEADERS: Final = ("Authorization", "If-None-Match", "Last-Event-ID", "X-Request-ID")
"""Headers that a page of an allowed origin may send, beside those that are always allowed."""
_EXPOSED_HEADERS: Final = ("ETag", "Link", "Retry-After", "WWW-Authenticate", "X-Request-ID")
"""Headers of answers that such a page may read."""


class CrossOriginMiddleware:
    """Refuses writes from pages of other origins, and lets pages of `cors_origins` read."""

    def __init__(self, app: ASGIApp, *, public_url: str, cors_origins: Collection[str]) -> None:
        self._app = app
        self._reads = _ReadCors(app, cors_origins) if cors_origins else app
        public = urlsplit(public_url)
        self._public_origin = f"{public.scheme}://{public.netloc}".lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] in _SAFE_METHODS:
            await self._reads(scope, receive, send)
        elif problem := self._problem_of_write(Headers(scope=scope)):
            await problem.response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _problem_of_write(self, headers: Headers) -> Problem | None:
        """403 unless a browser, if it is one, says that the page is of this service."""
        sites = headers.getlist("sec-fetch-site")
        origins = headers.getlist("origin")
        if not origins and not sites:
            return None
        host = headers.get("host", "").lower()
        # a proxy that ends TLS may not say so: `Host` tells the name and the port, not the scheme
        own_origins = (f"http://{host}", f"https://{host}", self._public_origin)
        if all(origin.lower() in own_origins for origin in origins) and all(
            site in ("same-origin", "none") for site in sites
        ):
            return None
        detail = (
            "Pages of other origins may not write. Write from a program, or from a page at the"
            " address of this service, which is that of the setting ONRECORD_PUBLIC_URL."
        )
        return Problem(403, "cross-origin", detail)


class _ReadCors(CORSMiddleware):
    """CORS for reads without credentials; a preflight that is refused is answered by a problem."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_READS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        detail = (
            "Pages of the origins in the setting ONRECORD_CORS_ORIGINS may read, by GET and HEAD,"
            f" with the headers {', '.join(_REQUEST_HEADERS)}."
        )
        problem = Problem(403, "cross-origin", detail, headers={"Vary": response.headers["Vary"]})
        return problem.response()
