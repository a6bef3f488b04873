"""Signing in to pages with an API key, which the browser keeps in a cookie, and signing out.

The cookie is sent to this site only (`SameSite=Strict`), and no script reads it (`HttpOnly`). It
counts for reads, and for writes of pages whose `Origin` the browser names; never for writes of the
JSON API.
"""

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from onrecord.pages.frame.cookies import COOKIE, SECURE_COOKIE, forget_key, keep_key
from onrecord.pages.frame.rendering import render

_READS: Final = frozenset(("GET", "HEAD"))
router = APIRouter(include_in_schema=False)


class SessionMiddleware:
    """Makes the key in the cookie the `Authorization` of a request that has none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (key := _key_that_counts(scope)):
            authorization = (b"authorization", b"Bearer " + key.encode("latin-1"))
            scope = {**scope, "headers": [*scope["headers"], authorization]}
        await self._app(scope, receive, send)


def _key_that_counts(scope: Scope) -> str | None:
    headers = Headers(scope=scope)
    if "cookie" not in headers or "authorization" in headers:
        return None
    cookies = cookie_parser(headers["cookie"])
    key = cookies.get(SECURE_COOKIE) or cookies.get(COOKIE)
    if scope["method"] in _READS:
        return key
    # that the origin is this service's own has been checked (`kit.http.browsers.cross_origin`)
    return key if "origin" in headers and not scope["path"].startswith("/v1/") else None


@router.get("/signin")
async def show_sign_in(request: Request) -> Response:
    """The form for the key."""
    return render(request, "signin.html", problem=None)


@router.post("/signin")
async def sign_in(
    request: Request, key: Annotated[str, Form()], next: Annotated[str, Form()] = "/"
) -> Response:
    """Keep a valid key in the cookie, and go on to the page that was wanted."""
    key = key.strip()
    if not await request.state.key_cache.is_valid(key):
        problem = {"detail": "The key is not valid.", "status": 401, "title": "Sign in"}
        return render(request, "signin.html", status=401, problem=problem)
    response = RedirectResponse(_local(next), 303)
    is_secure = request.url.scheme == "https" or _is_https(request.headers.get("origin", ""))
    keep_key(response, key, is_secure=is_secure)
    return response


@router.post("/signout")
async def sign_out() -> Response:
    """Forget the key."""
    response = RedirectResponse("/", 303)
    forget_key(response)
    return response


def _is_https(origin: str) -> bool:
    return urlsplit(origin).scheme == "https"


def _local(address: str) -> str:
    """The address of a page of this service; `/` for any other."""
    is_path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_path and address.isprintable() else "/"
