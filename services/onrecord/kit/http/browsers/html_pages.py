"""HTML pages that load nothing from other hosts, and ASGI middleware that holds all pages to it.

Used by `entrypoints.web_pages`. A page may run and apply what is written into it, by its hash, and
files of this service. A page without a policy of its own may do nothing but show text.
"""

import hashlib
import re
from base64 import b64encode
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADER: Final = "Content-Security-Policy"
_STRICTEST: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def html_page(text: str, **sources: str) -> HTMLResponse:
    """A page with its `Content-Security-Policy`; `sources` by directive, as `img_src="'self'"`."""
    for element in ("script", "style"):
        inline = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        hashes = [b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in inline]
        name = f"{element}_src"
        allowed = " ".join([sources.get(name, ""), *(f"'sha256-{hash_}'" for hash_ in hashes)])
        if allowed.strip():
            sources[name] = allowed.strip()
    directives = [f"{name.replace('_', '-')} {value}" for name, value in sources.items()]
    return HTMLResponse(text, headers={_HEADER: "; ".join([_STRICTEST, *directives])})


class PagePolicyMiddleware:
    """Gives the strictest policy to each HTML answer that has none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault(_HEADER, _STRICTEST)
            await send(message)

        await self._app(scope, receive, send_with_policy)
