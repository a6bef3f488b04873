"""What does every door refuse before it looks at what is said?

A route class for the doors: bodies must be JSON (415, 400), at most 1 MiB (413), and strict
(`strict_json`); parameters that a route does not know are an error (422), not noise.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope

from onrecord.kit.http import strict_json
from onrecord.kit.http.problems import Problem

MAX_BODY: Final = 1_048_576

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A route whose body is strict JSON and whose unknown parameters are refused."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if not self.dependant.query_params and request.query_params:
                name = next(iter(request.query_params))
                fault = {"parameter": name, "message": "is no parameter of this address"}
                raise Problem(422, "invalid", "There is a parameter too many.", errors=[fault])
            if self.body_field is not None and not self._left_out(request):
                require_type(request, "application/json")
                body = await limited_body(request)
                request = _StrictRequest(request.scope, request.receive, body)
            return await handler(request)

        return strict

    def _left_out(self, request: Request) -> bool:
        """Is there no body, where there need not be one?"""
        assert self.body_field is not None
        sent = {"content-type", "transfer-encoding"} & {*request.headers.keys()}
        return (
            not self.body_field.field_info.is_required()
            and not sent
            and request.headers.get("content-length", "0") == "0"
        )


class _StrictRequest(Request):
    """A request whose body was read and parsed strictly."""

    def __init__(self, scope: Scope, receive: Receive, body: bytes) -> None:
        super().__init__(scope, receive)
        self._raw = body
        self._value = parsed(body) if body else None

    async def body(self) -> bytes:
        return self._raw

    async def json(self) -> Any:
        return self._value


def parsed(body: bytes) -> Any:
    """Strict JSON, or a 400 problem."""
    try:
        return strict_json.loads(body)
    except strict_json.NotStrictJson as error:
        raise Problem(400, "bad-json", f"It cannot be read: {error}."[:300]) from None


def require_type(request: Request, *types: str) -> None:
    """415 unless the body says that it is of one of these media types."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in types:
        raise Problem(
            415, "unsupported-media-type", f"Send Content-Type: {types[0]}, not {given[:80]!r}."
        )


async def limited_body(request: Request) -> bytes:
    """The body, or 413 as soon as it is known to be too large; no more of it is read."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise too_large()
    return bytes(body)


def too_large() -> Problem:
    """413."""
    detail = "The body is larger than 1 MiB."
    return Problem(413, "too-large", detail)
