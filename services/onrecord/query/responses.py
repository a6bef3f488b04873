"""Responses of the read API with a weak ETag (RFC 9110). Used by the routes of this package.

The ETag is over what an answer says, without the members that depend on when and where it was
requested only, so entries about something else do not change it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import Request, Response

from onrecord.kit.http import paging
from onrecord.kit.http.etags import is_cached, weak_etag
from onrecord.kit.http.json_bytes import json_bytes
from onrecord.kit.http.problems import Problem
from onrecord.kit.lists.page import Page
from onrecord.kit.sql.db import Row
from onrecord.query.answers.schemas import Known
from onrecord.query.read_context import ReadContext

NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "What If-None-Match names."}
}
"""For `responses=` of a router."""

_NOT_IN_ETAG: Final = {"as_of", "known", "permalink", "cite", "next"}


def with_etag(
    request: Request, answer: Mapping[str, Any], *, cited: Sequence[str] = ()
) -> Response:
    """The answer as JSON with its ETag; 304 where `If-None-Match` has that ETag.

    `cited`: names and addresses in its sentences and links. The ETag is over these too, and not
    over the sentences and links, which have the clocks.
    """
    etag = _etag_of(answer, json_bytes(cited) if cited else b"")
    # the answer may be compressed (`kit.http.conventions.compression`), and 304 says so as 200 does
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if is_cached(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(json_bytes(answer), headers=headers, media_type="application/json")


def _etag_of(answer: Mapping[str, Any], more: bytes = b"") -> str:
    tagged = json_bytes({name: value for name, value in answer.items() if name not in _NOT_IN_ETAG})
    tagged += more
    if "known" in answer and answer["known"].provisional:
        tagged += b"?"  # or a client would take it as final, or as provisional, for ever
    return weak_etag(tagged)


def page_of_rows(
    request: Request,
    context: ReadContext,
    rows: Sequence[Row],
    *,
    limit: int,
    serialize: Callable[[Row], Any],
    key: Callable[[Row], list[Any]],
    present: str = "id",
    as_of: str | None = None,
) -> Page:
    """A page of rows, of which one more than `limit` was read. Its cursor keeps the size.

    `present`: a column that is null only in the one row of an empty page.
    """
    state = context.state_of(rows[0])
    items = [row for row in rows if row[present] is not None]
    cursor = None
    if len(items) > limit:
        cursor = paging.cursor(request, [state.size, state.provisional, *key(items[limit - 1])])
    return page_of(list(map(serialize, items[:limit])), cursor, state, as_of=as_of)


def page_of(
    items: Sequence[Any], cursor: str | None, state: Known, *, as_of: str | None = None
) -> Page:
    """A `Listed`, or with `as_of` a `ListedAsOf`."""
    about = {"known": state} if as_of is None else {"as_of": as_of, "known": state}
    columns = {**about, "record_size": state.size}
    del columns["known"]
    # a last page after which another one came is not the same answer
    more = b"+" if cursor else b""
    return Page(
        items=items,
        cursor=cursor,
        about=about,
        columns=columns,
        etag=lambda: _etag_of({"items": items, **about}, more),
    )


def not_on_record(kind: str, id_: object) -> Problem:
    """404 for an actor, topic or statement that is not on record at the size of the read."""
    return Problem(404, f"unknown-{kind}", f"No {kind} {str(id_)!r} is on record at this size.")
