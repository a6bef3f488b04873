"""RFC 9457 problem details: the body of every 4xx and 5xx answer. Used by every API.

A problem has a stable `type` and, where fields are at fault, a list `errors` of
`{pointer | parameter, message}`. It never carries the text of an exception.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from psycopg.errors import QueryCanceled
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

from onrecord.kit.http.json_bytes import json_bytes
from onrecord.kit.http.messages import message_of

log = structlog.get_logger()

TYPE_BASE: Final = "urn:onrecord:problem:"
MEDIA_TYPE: Final = "application/problem+json"
Faults = Sequence[Mapping[str, str]]


class Problem(HTTPException):
    """A failure and its answer. `code` ends the `type`; `about` adds members to the body."""

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
        super().__init__(status, detail, headers)
        self.code, self.errors, self.about = code, errors, dict(about or {})

    def body(self) -> dict[str, Any]:
        """The problem as JSON."""
        return {
            "type": f"{TYPE_BASE}{self.code}",
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
            **({"errors": list(self.errors)} if self.errors else {}),
            **self.about,
        }

    def response(self) -> Response:
        """The problem as an HTTP response."""
        return Response(json_bytes(self.body()), self.status_code, self.headers, MEDIA_TYPE)


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


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of answers with these statuses, for `responses=` of a route."""
    content = {MEDIA_TYPE: {"schema": _SCHEMA}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def at(pointer: str, message: str) -> dict[str, str]:
    """An item of `errors`: a fault in the body, at an RFC 6901 pointer."""
    return {"pointer": pointer, "message": message}


def pointer(location: Sequence[str | int]) -> str:
    """The RFC 6901 pointer to a location, given as keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def unknown_in_filters(faults: Iterable[tuple[str, str]]) -> Problem:
    """422 for filters by names that are not on record, each a parameter with a message.

    An empty list would read as if there were nothing about them.
    """
    errors = [{"parameter": parameter, "message": message} for parameter, message in faults]
    detail = "A filter names something that is not on record."
    return Problem(422, "unknown-reference", detail, errors=errors)


def unavailable(code: str, detail: str, *, seconds: int = 1) -> Problem:
    """503 with `Retry-After`."""
    return Problem(503, code, detail, headers={"Retry-After": str(seconds)})


def invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """422 from pydantic's errors, for a body (`loc` below it) or for parameters."""
    locations = [tuple(error["loc"]) for error in errors]
    faults = []
    for error in errors:
        location, message = tuple(error["loc"]), message_of(error)
        if error.get("type") == "too_short" and any(
            other[: len(location)] == location != other for other in locations
        ):
            continue  # too short only because its items are faulty, which have errors of their own
        if location and location[0] in ("query", "path", "header"):
            name = location[:2][-1]  # without the index into a repeated parameter
            faults.append({"parameter": str(name), "message": message})
        else:
            below = [part for part in location if part != "[key]"]
            below = below[1:] if below[:1] == ["body"] else below
            faults.append(at(pointer(below) + error.get("ctx", {}).get("at", ""), message))
    return Problem(
        422, "invalid", "Some fields cannot be accepted; errors names each.", errors=faults
    )


_CODES: Final = {404: "not-found", 405: "method-not-allowed", 400: "bad-request"}
_DETAILS: Final = {
    404: "There is nothing at this address; GET / lists what there is.",
    400: "The request could not be read.",
}


def problem_of(error: BaseException) -> Problem:
    """The problem that answers any error. What is not a `Problem` already is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, QueryCanceled):
        log.warning("a query was cut off", exc_info=error)
        return unavailable("too-slow", "The database took too long over this; ask for less.")
    if isinstance(error, psycopg.OperationalError | PoolTimeout):
        log.warning("the database cannot be reached", exc_info=error)
        return unavailable("database-unavailable", "The database cannot be reached now.")
    log.error("unhandled", exc_info=error)
    return Problem(500, "internal", "Internal error; the log of the server has the details.")


def install(app: FastAPI) -> None:
    """Answer every failure of an application as a problem."""

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
