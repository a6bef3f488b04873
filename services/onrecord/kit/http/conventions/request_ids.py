"""Request ids: `X-Request-ID` of every request and its answer. Installed by `install`.

An id from outside is kept if it is short and of harmless characters, as it comes into logs and
headers; else the request gets a new one.
"""

import re
from typing import Final
from uuid import uuid4

from asgi_correlation_id import CorrelationIdMiddleware, correlation_id
from fastapi import FastAPI

REQUEST_ID: Final = "X-Request-ID"
_HARMLESS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}", re.ASCII)


def keep_or_replace(value: str) -> str:
    """This id if it can be kept, else a new one."""
    return value if _HARMLESS.fullmatch(value) else uuid4().hex


def install_request_ids(app: FastAPI) -> None:
    """Give every request an id. Its answer and `request_id_header` have the same one."""
    app.add_middleware(
        CorrelationIdMiddleware,
        header_name=REQUEST_ID,
        validator=None,  # it would log a warning for each id that it replaces
        transformer=keep_or_replace,
    )


def request_id_header() -> dict[str, str]:
    """The header, for answers to unhandled errors, which are made outside of the middleware."""
    value = correlation_id.get()
    return {REQUEST_ID: value} if value else {}
