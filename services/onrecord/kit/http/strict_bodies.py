"""ASGI middleware that admits JSON bodies, strict (`strict_json`), and forms: at most 1 MiB.

Installed by `entrypoints.app_factory` for a whole application, so that it holds for every endpoint
that declares a body. Fields of a form are validated by its page. An endpoint that reads
`request.stream()` itself checks its own body, with `require_media_type` and `parse_json`;
`POST /v1/batch` does.
"""

from typing import Any, Final

from fastapi import params
from fastapi.datastructures import Headers
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onrecord.kit.http import strict_json
from onrecord.kit.http.body_memory import BodyMemory, BodyShare, no_memory
from onrecord.kit.http.problems import Problem

MAX_BODY: Final = 1_048_576
"""Bytes."""


def parse_json(body: bytes) -> Any:
    """Parse strict JSON; raises a 400 `Problem`."""
    try:
        return strict_json.loads(body)
    except strict_json.NotStrictJson as error:
        raise Problem(400, "bad-json", f"It cannot be read: {error}."[:300]) from None


def require_media_type(headers: Headers, *accepted: str) -> None:
    """Raise a 415 `Problem` unless `Content-Type` is one of these media types."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in accepted:
        detail = f"Send Content-Type: {accepted[0]}, not {media_type[:80]!r}."
        raise Problem(415, "unsupported-media-type", detail)


class StrictBodyMiddleware:
    """Checks a body when FastAPI reads it, which is after the route has been found.

    A `Problem` raised from `receive` reaches the client because it is an `HTTPException`; FastAPI
    makes any other error that is raised there a plain 400.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        checked = False
        memory: BodyMemory = scope["state"]["body_memory"]

        async def receive_checked() -> Message:
            nonlocal checked
            if checked or not _declares_body(scope):
                return await receive()
            checked = True
            body = await _read_strictly(scope, receive, share)
            return {"type": "http.request", "body": body, "more_body": False}

        with memory.share() as share:
            await self._app(scope, receive_checked, send)


def _declares_body(scope: Scope) -> bool:
    route = scope.get("route")
    return isinstance(route, APIRoute) and route.body_field is not None


async def _read_strictly(scope: Scope, receive: Receive, share: BodyShare) -> bytes:
    headers = Headers(scope=scope)
    if _omits_optional_body(scope["route"], headers):
        return b""
    if _declares_form(scope["route"]):
        require_media_type(headers, "application/x-www-form-urlencoded")
        return await _read_limited(headers, receive, share)
    require_media_type(headers, "application/json")
    body = await _read_limited(headers, receive, share)
    if body:
        parse_json(body)
    return body


def _declares_form(route: APIRoute) -> bool:
    return route.body_field is not None and isinstance(route.body_field.field_info, params.Form)


def _omits_optional_body(route: APIRoute, headers: Headers) -> bool:
    assert route.body_field is not None
    return (
        not route.body_field.field_info.is_required()
        and "content-type" not in headers
        and "transfer-encoding" not in headers
        and headers.get("content-length", "0") == "0"
    )


async def _read_limited(headers: Headers, receive: Receive, share: BodyShare) -> bytes:
    """Read the body; 413 as soon as it is known to be too large, without reading the rest.

    503 where the bodies of other requests leave no room for it.
    """
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    more_body = True
    while more_body:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise _too_large()
        if not share.resize(len(body)):
            raise no_memory()
        more_body = message.get("more_body", False)
    return bytes(body)


def _too_large() -> Problem:
    return Problem(413, "too-large", "The body is larger than 1 MiB.")
