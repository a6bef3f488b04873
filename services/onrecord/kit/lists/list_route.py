"""Routes of lists: pages as JSON, NDJSON and CSV, or streamed to the end. `route_class` of routers.

A route is one of a list if its response model is a page. Its function takes `request` and `params`
and returns a `Page`; it is called again for each page of a stream, with the cursor of the page
before. So a stream reads short pages at one size, and a page is written before the next is read.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import Any, Final

import structlog
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from onrecord.kit.http import paging
from onrecord.kit.http.etags import is_cached, weak_etag
from onrecord.kit.http.formats import CSV, JSON, NDJSON, negotiate, suffix_of
from onrecord.kit.http.json_bytes import json_bytes
from onrecord.kit.http.problems import responses
from onrecord.kit.lists.columns import Column, columns_of, is_page_model, item_name
from onrecord.kit.lists.csv_lines import header_line, item_lines
from onrecord.kit.lists.page import Page

log = structlog.get_logger()

STREAM_PAGE: Final = 500
"""Items read at a time for a stream."""

Columns = tuple[Column, ...]
_MEDIA_TYPES: Final = {CSV: "text/csv; charset=utf-8; header=present"}


class ListRoute(APIRoute):
    """An ordinary route, or that of a list."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.is_list = is_page_model(options.get("response_model"))
        if self.is_list:
            content = _described(options)
            columns = columns_of(options["response_model"])
            endpoint = _responding(endpoint, columns, tuple(content))
        super().__init__(path, endpoint, **options)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the address of a list with and without the suffix of a format."""
        is_read = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if self.is_list and is_read and (suffix := suffix_of(scope["path"])):
            scope = {**scope, "path": scope["path"].removesuffix(suffix)}
        return super().matches(scope)


def _described(options: dict[str, Any]) -> dict[str, Any]:
    """Add the formats to the OpenAPI description of a list; returns them by media type."""
    model = options["response_model"]
    given = dict(options.get("responses") or {})
    success = dict(given.get(200, {}))
    content = {
        JSON: {},
        NDJSON: {"itemSchema": {"$ref": f"#/components/schemas/{item_name(model)}"}},
        CSV: {"schema": {"type": "string", "description": "RFC 4180, with a header."}},
        **success.get("content", {}),
    }
    described = {name: media for name, media in content.items() if media}
    options["responses"] = {**responses(406), **given, 200: {**success, "content": described}}
    return content


def _responding(
    read_page: Callable[..., Awaitable[Page | Response]],
    columns: Columns,
    offered: tuple[str, ...],
) -> Callable[..., Awaitable[Response]]:
    """An endpoint that answers in the format that the client accepts."""

    @wraps(read_page)
    async def endpoint(**arguments: Any) -> Response:
        request, params = arguments["request"], arguments["params"]
        request.state.list_format = format_ = negotiate(request, offered)
        if params.stream:
            arguments["params"] = params.model_copy(update={"limit": STREAM_PAGE})
        page = await read_page(**arguments)
        if isinstance(page, Response):
            return page
        if params.stream:
            pages = _pages(read_page, arguments, page)
            headers = _headers(request, page, format_)
            body = _stream(pages, columns, format_)
            return StreamingResponse(body, headers=headers, media_type=_media_type(format_))
        return _page_response(request, page, columns, format_)

    return endpoint


def _page_response(request: Request, page: Page, columns: Columns, format_: str) -> Response:
    headers = _headers(request, page, format_)
    if page.cursor:
        headers["Link"] = paging.link(request.url, page.cursor)
    if page.etag:
        headers["ETag"] = page.etag()
        if format_ != JSON:
            headers["ETag"] = weak_etag(f"{format_} {headers['ETag']}".encode())
        if is_cached(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
    if format_ == CSV:
        body = header_line(columns, page.columns) + item_lines(columns, page.items, page.columns)
    elif format_ == NDJSON:
        body = _json_lines(page)
    else:
        body = json_bytes({"items": page.items, "next": page.cursor, **page.about})
    return Response(body, headers=headers, media_type=_media_type(format_))


async def _pages(
    read_page: Callable[..., Awaitable[Page | Response]], arguments: dict[str, Any], page: Page
) -> AsyncIterator[Page]:
    """This page and all after it. They are read at the size in its cursor."""
    yield page
    while page.cursor is not None:
        params = arguments["params"].model_copy(update={"cursor": page.cursor})
        following = await read_page(**{**arguments, "params": params})
        assert isinstance(following, Page)
        page = following
        yield page


async def _stream(
    pages: AsyncIterator[Page], columns: Columns, format_: str
) -> AsyncIterator[bytes]:
    """The whole list. An error ends it without its last chunk, so no client takes it as whole."""
    is_first, separator = True, b""
    try:
        if format_ == JSON:
            yield b'{"items":['
        async for page in pages:
            if format_ == CSV:
                if is_first:
                    yield header_line(columns, page.columns)
                yield item_lines(columns, page.items, page.columns)
            elif format_ == NDJSON:
                yield _json_lines(page)
            elif page.items:
                yield separator + json_bytes(page.items)[1:-1]
                separator = b","
            is_first = False
        if format_ == JSON:
            yield b"]," + json_bytes({"next": None, **page.about})[1:]
    except Exception as error:
        log.warning("a streamed list breaks off", reason=type(error).__name__)
        raise


def _json_lines(page: Page) -> bytes:
    return b"".join(json_bytes(item, newline=True) for item in page.items)


def _media_type(format_: str) -> str:
    return _MEDIA_TYPES.get(format_, format_)


def _headers(request: Request, page: Page, format_: str) -> dict[str, str]:
    headers = {"Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding"}
    if format_ != JSON or suffix_of(request.url.path):
        path = request.url.path.removesuffix(suffix_of(request.url.path))
        parts = [part for part in path.split("/") if part][1:]
        size = page.columns.get("record_size")
        parts += [f"size-{size}"] if size is not None else []
        suffix = {CSV: "csv", NDJSON: "ndjson"}.get(format_, "json")
        name = "-".join(["onrecord", *parts])
        headers["Content-Disposition"] = f'attachment; filename="{name}.{suffix}"'
    return headers
