"""Compression of answers with gzip. Installed by `install`.

Only answers to GET are compressed: those to POST may hold a secret beside words of the client's
own, whose length would then tell of it (BREACH). Streams are not: a compressor keeps events back.
"""

import re
from typing import Final

from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from onrecord.kit.http.formats import STREAMS

_STREAM: Final = re.compile(rb"(?:^|&)stream=")
"""In the query of a list that is wanted whole, page by page. Bytes: it may hold any."""
MINIMUM_SIZE: Final = 1_000
"""Bytes. A shorter answer fits into one packet anyway."""
LEVEL: Final = 4
"""Of 9: higher ones take twice the time and save 2 % of an answer."""


class CompressionMiddleware:
    """Starlette's GZipMiddleware, for GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(
            app,
            minimum_size=MINIMUM_SIZE,
            compresslevel=LEVEL,
            exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *STREAMS),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        compressible = (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and not _STREAM.search(scope["query_string"])
        )
        await (self._compressed if compressible else self._app)(scope, receive, send)
