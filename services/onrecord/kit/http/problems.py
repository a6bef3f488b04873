"""RFC 9457 problem details: the body of every 4xx and 5xx answer. Used by every API.

A problem has a stable `type`, which is the address of a page about it (`problem_types`), and, where
fields are at fault, a list `errors` of `{pointer | parameter, message}`. It never carries the text
of an exception.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import psycopg
import structlog
from fastapi.responses import Response
from psycopg.errors import QueryCanceled
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from onrecord.kit.http.json_bytes import json_bytes
from onrecord.kit.http.log_fields import add_log_fields
from onrecord.kit.http.messages import message_of
from onrecord.kit.http.problem_schema import SCHEMA_REFERENCE, problem_example
from onrecord.kit.http.problem_types import PROBLEM_TYPES, TYPE_BASE

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
Faults = Sequence[Mapping[str, str]]
MAX_FAULTS: Final = 100
"""Of an answer. A body of 1 MiB may have 90,000."""


class Problem(HTTPException):
    """A failure and its answer. `code` ends the `type`; `about` adds members to the body.

    Raises `KeyError` for a code that is not in `PROBLEM_TYPES`.
    """

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
        self.title = PROBLEM_TYPES[code].title
        self.code, self.errors, self.about = code, errors, dict(about or {})

    def body(self) -> dict[str, Any]:
        """The problem as JSON."""
        return {
            "type": f"{TYPE_BASE}{self.code}",
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
            **({"errors": list(self.errors)} if self.errors else {}),
            **self.about,
        }

    def response(self) -> Response:
        """The problem as an HTTP response."""
        response = _ProblemResponse(
            json_bytes(self.body()), self.status_code, self.headers, MEDIA_TYPE
        )
        response.code = self.code
        return response


class _ProblemResponse(Response):
    """A problem as an HTTP response, which tells the request's log line its code."""

    code: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        add_log_fields(scope.get("state", {}), problem=self.code)
        await super().__call__(scope, receive, send)


_TYPICAL: Final = {
    PROBLEM_TYPES[code].status: {"example": problem_example(code)}
    for code in (
        *("bad-json", "key-required", "scope-missing", "not-found", "too-large"),
        *("rate-limited", "database-unavailable"),
    )
}
"""An example by status, where that of the schema, which is of 422, would mislead."""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of answers with these statuses, for `responses=` of a route."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": SCHEMA_REFERENCE, **_TYPICAL.get(status, {})}},
        }
        for status in statuses
    }


def at(pointer: str, message: str) -> dict[str, str]:
    """An item of `errors`: a fault in the body, at an RFC 6901 pointer."""
    return {"pointer": pointer, "message": message}


def pointer(location: Sequence[str | int]) -> str:
    """The RFC 6901 pointer to a location, given as keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def unknown_in_filters(faults: Iterable[tuple[str, str]]) -> Problem:
    """422 for filters by names that are unknown or not clear, each a parameter with a message.

    An empty list would read as if there were nothing about them.
    """
    errors = [{"parameter": parameter, "message": message} for parameter, message in faults]
    detail = "A filter names something that is not on record, or is not clear."
    return Problem(422, "unknown-reference", detail, errors=errors)


def unavailable(code: str, detail: str, *, seconds: int = 1) -> Problem:
    """503 with `Retry-After`."""
    return Problem(503, code, detail, headers={"Retry-After": str(seconds)})


def invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """422 from pydantic's errors, for a body (`loc` below it) or for parameters."""
    count, errors = len(errors), errors[:MAX_FAULTS]
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
    detail = "Some fields cannot be accepted; errors names each."
    if count > MAX_FAULTS:
        detail = f"{count:,} fields cannot be accepted; errors names the first {MAX_FAULTS}."
    return Problem(422, "invalid", detail, errors=faults)


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
