"""How is an answer sent so that a reader need not fetch it twice?

A weak ETag (RFC 9110) over what the answer says, without what says only when and where it was
asked: entries about something else do not change it. Called by `routes`.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import Request, Response

from onrecord.kit.http import paging
from onrecord.query import serialize
from onrecord.query.read_context import Reading
from onrecord.query.schemas import Known

_ASKED: Final = {"as_of", "known", "permalink", "cite", "next"}


def conditional(
    request: Request, answer: Mapping[str, Any], *, next_link: str | None = None
) -> Response:
    """The answer as JSON, or 304 where the reader has it."""
    said = _json({name: value for name, value in answer.items() if name not in _ASKED})
    if next_link:
        said += b"+"  # a last page that has become one of many is another answer
    etag = f'W/"{hashlib.sha256(said).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if next_link:
        headers["Link"] = next_link
    had = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    if "*" in had or etag.removeprefix("W/") in [one.removeprefix("W/") for one in had]:
        return Response(status_code=304, headers=headers)
    return Response(_json(answer), headers=headers, media_type="application/json")


def _json(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def listed(
    request: Request,
    reading: Reading,
    rows: Sequence[serialize.Row],
    limit: int,
    item: Callable[[serialize.Row], Any],
    *,
    key: Callable[[serialize.Row], list[Any]],
) -> Response:
    """A page of rows, of which one more than `limit` was read; its cursor keeps the size."""
    known = reading.known(rows[0])
    found = [row for row in rows if row["id"] is not None]
    cursor = None
    if len(found) > limit:
        cursor = paging.cursor([known.size, known.provisional, *key(found[limit - 1])])
    return page(request, [item(row) for row in found[:limit]], cursor, known)


def page(request: Request, items: Sequence[Any], cursor: str | None, known: Known) -> Response:
    """A `Listed`, with the link to the next one."""
    link = paging.link(request.url, cursor) if cursor else None
    answer = {"items": items, "next": cursor, "known": known}
    return conditional(request, answer, next_link=link)
