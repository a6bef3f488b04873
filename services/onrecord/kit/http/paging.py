"""Keyset paging: cursors and `Link` headers (RFC 8288). Used by every API that lists.

A cursor is the sort key of a page's last row, opaque to clients.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.datastructures import URL

from onrecord.kit.http.problems import Problem


def cursor(key: Sequence[Any]) -> str:
    """An opaque cursor for a sort key of JSON values."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).rstrip(b"=").decode()


def key(text: str, *types: type) -> tuple[Any, ...]:
    """The sort key in a cursor, its parts of these types; raises a 422 `Problem` if it has others.

    The first part is a size or a seq, and so never negative.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        parts = orjson.loads(raw)
        first, *rest = (_part(part, type_) for part, type_ in zip(parts, types, strict=True))
        if first >= 0:
            return (first, *rest)
        raise ValueError
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise invalid_cursor() from None


def invalid_cursor() -> Problem:
    """422 for a cursor that the list did not issue."""
    fault = {"parameter": "cursor", "message": "use the cursor of an earlier page, unchanged"}
    return Problem(422, "invalid", "The cursor is not one that this list gave.", errors=[fault])


def _part(part: Any, type_: type) -> Any:
    if type_ is datetime:
        return datetime.fromisoformat(part).astimezone(UTC)
    if type(part) is not type_:
        raise TypeError
    if (isinstance(part, str) and "\x00" in part) or (isinstance(part, int) and part >= 2**63):
        raise ValueError
    return part


def link(url: URL, next_cursor: str) -> str:
    """The value of a `Link` header that leads to the next page of `url`."""
    target = url.include_query_params(cursor=next_cursor)
    return f'<{target.path}?{target.query}>; rel="next"'
