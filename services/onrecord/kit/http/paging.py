"""Keyset paging: cursors and `Link` headers (RFC 8288). Used by every API that lists.

A cursor is the sort key of a page's last row, opaque to clients. It belongs to the list and the
parameters of the page, of which it holds a digest: with others it would lead to other rows. The
format of the page does not matter.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.datastructures import URL
from starlette.requests import Request

from onrecord.kit.http.formats import suffix_of
from onrecord.kit.http.problems import Problem

_NOT_IN_DIGEST: Final = frozenset(("cursor", "limit", "stream"))
"""Parameters that change which page it is, and not the order of rows."""


def cursor(request: Request, key: Sequence[Any]) -> str:
    """An opaque cursor for the page of this request that ends with a sort key of JSON values."""
    parts = [_digest_of(request), *key]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def key(request: Request, text: str, *types: type) -> tuple[Any, ...]:
    """The sort key in a cursor, its parts of these types.

    Raises a 422 `Problem` if it has others, or was given for another address or other parameters.
    The first part is a size or a seq, and so never negative.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        digest, *parts = orjson.loads(raw)
        if type(digest) is not str:
            raise TypeError
        if digest != _digest_of(request):
            raise _cursor_of_other_page()
        first, *rest = (_part(part, type_) for part, type_ in zip(parts, types, strict=True))
        if first >= 0:
            return (first, *rest)
        raise ValueError
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise invalid_cursor() from None


def invalid_cursor() -> Problem:
    """422 for a cursor that no list issued."""
    fault = {"parameter": "cursor", "message": "use the cursor of an earlier page, unchanged"}
    return Problem(422, "invalid", "The cursor is not one that this list gave.", errors=[fault])


def _cursor_of_other_page() -> Problem:
    message = (
        "goes only with the address and the parameters of the page that gave it (another limit is"
        " allowed); repeat those, or leave the cursor out to begin anew"
    )
    fault = {"parameter": "cursor", "message": message}
    detail = "The cursor belongs to another list, or to other parameters of this one."
    return Problem(422, "invalid", detail, errors=[fault])


def digest(path: str, parameters: Iterable[tuple[str, str]]) -> str:
    """The digest of an address and its parameters, in whatever order; `limit` does not count."""
    bound = sorted({parameter for parameter in parameters if parameter[0] not in _NOT_IN_DIGEST})
    return hashlib.sha256(orjson.dumps([path, bound])).hexdigest()[:12]


def _digest_of(request: Request) -> str:
    path = request.url.path
    return digest(path.removesuffix(suffix_of(path)), request.query_params.multi_items())


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
