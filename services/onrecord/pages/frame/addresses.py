"""Addresses of pages, and ASGI middleware that answers them in the format that the client wants.

Installed by `entrypoints.app_factory`, outside of the check of keys. A page and its data have one
address: `.json`, `.csv` or `Accept` lead to the answer of the API. Parameters without a value, as
forms send them, are left out. A problem is shown as a page.
"""

import re
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onrecord.kit.http.formats import CSV, HTML, JSON, NDJSON, SUFFIXES, negotiate, suffix_of
from onrecord.kit.http.problems import MEDIA_TYPE, Problem
from onrecord.pages.frame.problem_page import problem_page

_READS: Final = frozenset(("GET", "HEAD"))
_NO_PAGES: Final = ("/v1/", "/log/", "/swagger/", "/openapi", "/healthz", "/readyz", "/metrics")

_SINCE: Final = frozenset(("since", "since_size"))


class PageAddress(NamedTuple):
    """The path of a page, and the path of its data, with the same names in braces.

    `page_only`: parameters of the page that its data does not have.
    """

    page: str
    data: str
    page_only: frozenset[str] = frozenset()

    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.page))


ADDRESSES: Final = (
    PageAddress("/", "/v1/changes"),
    PageAddress("/index", "/v1/changes"),
    PageAddress(
        "/actors/{actor}/topics/{topic}",
        "/v1/actors/{actor}/topics/{topic}/timeline",
        frozenset(("as_of", "since", "since_size")),
    ),
    PageAddress("/actors/{actor}", "/v1/actors/{actor}/positions", _SINCE),
    PageAddress("/topics/{topic}", "/v1/topics/{topic}/positions", _SINCE),
    PageAddress("/statements/{id}", "/v1/statements/{id}"),
    PageAddress("/grid", "/v1/positions"),
    PageAddress("/compare", "/v1/positions"),
    PageAddress("/search", "/v1/statements"),
    PageAddress("/quotes/check", "/v1/quotes/check"),
    PageAddress("/review", "/v1/review"),
    PageAddress("/audit", "/v1/events"),
    PageAddress("/webhooks", "/v1/endpoints"),
)
"""Pages that have data of their own."""
_PATTERNS: Final = tuple((address.pattern(), address) for address in ADDRESSES)
_FORMATS: Final = (HTML, JSON, NDJSON, CSV)


def data_path(path: str) -> str | None:
    """The path of the data of a page, or None if there is no such page."""
    found = _address_of(path)
    return found[1] if found else None


def _address_of(path: str) -> tuple[PageAddress, str] | None:
    """The address of a page, and the path of its data."""
    for pattern, address in _PATTERNS:
        if match := pattern.fullmatch(path):
            return address, address.data.format(**match.groupdict())
    return None


class PageMiddleware:
    """Sends requests for the data of a page to the API, and shows problems as pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_NO_PAGES):
            await self._app(scope, receive, send)
            return
        if scope["method"] in _READS:
            scope = {**scope, "query_string": without_blanks(scope["query_string"])}
            if (data := _wanted_data(scope)) is not None:
                await self._app(data, receive, send)
                return
        if wants_html(Request(scope)):
            send = _ProblemsAsPages(Request(scope), send)
        await self._app(scope, receive, send)


def wants_html(request: Request) -> bool:
    """Whether the client is a browser: it names HTML in `Accept`."""
    return HTML in request.headers.get("accept", "")


def _wanted_data(scope: Scope) -> Scope | None:
    """The request for the data of a page, if the client wants these and not the page."""
    path = scope["path"]
    suffix = suffix_of(path)
    matched = _address_of(path.removesuffix(suffix))
    if matched is None:
        return None
    address, target = matched
    try:
        wanted = negotiate(Request(scope), _FORMATS)
    except Problem:  # the page says which formats there are
        return None
    if wanted == HTML:
        return None
    headers = [(name, value) for name, value in scope["headers"] if name != b"accept"]
    headers.append((b"accept", SUFFIXES.get(suffix, wanted).encode()))
    query = _without(scope["query_string"], address.page_only)
    return {
        **scope,
        "path": target,
        "raw_path": target.encode(),
        "query_string": query,
        "headers": headers,
    }


def without_blanks(query: bytes) -> bytes:
    """The query of a form without its empty fields. A form keeps the `known_size` of its page
    until a `known_at` is filled in.
    """
    is_form_kept = b"known_at=" in query and b"known_size=" in query
    if b"=&" not in query and not query.endswith(b"=") and not is_form_kept:
        return query
    params = parse_qsl(query.decode("latin-1"), encoding="utf-8")
    if is_form_kept and any(name == "known_at" for name, _ in params):
        params = [(name, value) for name, value in params if name != "known_size"]
    return urlencode(params).encode()


def _without(query: bytes, names: frozenset[str]) -> bytes:
    """A query without the parameters of these names."""
    if not any(name.encode() in query for name in names):
        return query
    params = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="utf-8")
    return urlencode([(name, value) for name, value in params if name not in names]).encode()


class _ProblemsAsPages:
    """`send` of a request by a browser: the body of a problem becomes a page with its status."""

    def __init__(self, request: Request, send: Send) -> None:
        self._request, self._send = request, send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            types = [value for name, value in message["headers"] if name == b"content-type"]
            if types == [MEDIA_TYPE.encode()]:
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            await self._send_page(orjson.loads(self._body))
            return
        await self._send(message)

    async def _send_page(self, problem: dict[str, Any]) -> None:
        assert self._start is not None
        response: Response = problem_page(self._request, problem)
        kept = [
            (name, value)
            for name, value in self._start["headers"]
            if name not in (b"content-type", b"content-length")
        ]
        await self._send({**self._start, "headers": [*kept, *response.raw_headers]})
        await self._send({"type": "http.response.body", "body": response.body})
