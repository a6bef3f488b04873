"""How is a failure told?

RFC 9457 `application/problem+json` with a stable `type`, and for everything that a field is to
blame for an `errors` list of `{pointer | parameter, message}`. Called by every door; never carries
an exception's text.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from psycopg.errors import QueryCanceled
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

log = structlog.get_logger()

TYPE_BASE: Final = "urn:onrecord:problem:"
MEDIA_TYPE: Final = "application/problem+json"
Faults = Sequence[Mapping[str, str]]


class Problem(Exception):
    """An answer that says what went wrong. `code` ends its `type`; `about` adds members."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Faults = (),
        headers: Mapping[str, str] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers, self.about = errors, dict(headers or {}), dict(about or {})

    def body(self) -> dict[str, Any]:
        """The problem as JSON."""
        return {
            "type": f"{TYPE_BASE}{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **({"errors": list(self.errors)} if self.errors else {}),
            **self.about,
        }

    def response(self) -> Response:
        """The problem as an HTTP response."""
        return Response(orjson.dumps(self.body()), self.status, self.headers, MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these failures of a route."""
    content = {MEDIA_TYPE: {"schema": _SCHEMA}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


_SCHEMA: Final = {
    "title": "Problem",
    "description": "RFC 9457 problem details.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": [f"{TYPE_BASE}invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "pointer": {"type": "string", "description": "In the body: RFC 6901."},
                    "parameter": {"type": "string", "description": "In the address or headers."},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


def at(pointer: str, message: str) -> dict[str, str]:
    """A fault in the body, at an RFC 6901 pointer."""
    return {"pointer": pointer, "message": message}


def pointer(location: Sequence[str | int]) -> str:
    """An RFC 6901 pointer from the steps that lead to a place."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in location)


def unavailable(code: str, detail: str, *, seconds: int = 1) -> Problem:
    """503 with `Retry-After`."""
    return Problem(503, code, detail, headers={"Retry-After": str(seconds)})


def invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """422 from pydantic's errors, for a body (`loc` below it) or for parameters."""
    faults = []
    places = [tuple(one["loc"]) for one in errors]
    for one in errors:
        if one.get("type") == "too_short" and any(
            place[: len(one["loc"])] == tuple(one["loc"]) != place for place in places
        ):
            continue  # too short only because its items are faulty, which is told
        where, message = one["loc"], one["msg"].removeprefix("Value error, ")
        if where and where[0] in ("query", "path", "header"):
            faults.append({"parameter": str(where[:2][-1]), "message": message})  # not its n-th
        else:
            below = [step for step in where if step != "[key]"]
            below = below[1:] if below[:1] == ["body"] else below
            faults.append(at(pointer(below) + one.get("ctx", {}).get("at", ""), message))
    return Problem(
        422, "invalid", "Some fields cannot be accepted; errors names each.", errors=faults
    )


_CODES: Final = {404: "not-found", 405: "method-not-allowed", 400: "bad-request"}
_DETAILS: Final = {
    404: "There is nothing at this address; GET / lists what there is.",
    400: "The request could not be read.",
}


def problem_of(error: BaseException) -> Problem:
    """What is told of any error; what is not a problem itself goes into the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, QueryCanceled):
        log.warning("a query was cut off", exc_info=error)
        return unavailable("too-slow", "The database took too long over this; ask for less.")
    if isinstance(error, psycopg.OperationalError | PoolTimeout):
        log.warning("the database is away", exc_info=error)
        return unavailable("database-unavailable", "The database cannot be reached now.")
    log.error("unhandled", exc_info=error)
    return Problem(500, "internal", "A fault of ours; it is in the log.")


def install(app: FastAPI) -> None:
    """Answer every failure of `app` as a problem."""

    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return invalid(error.errors()).response()

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = error.status_code
        detail = _DETAILS.get(status) or f"{request.method} is not offered here."
        code = _CODES.get(status, "http-error")
        return Problem(status, code, detail, headers=error.headers).response()

    async def other(_: Request, error: Exception) -> Response:
        return problem_of(error).response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    for away in (psycopg.OperationalError, PoolTimeout):
        app.add_exception_handler(away, other)
    app.add_exception_handler(Exception, other)
