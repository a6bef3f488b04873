"""Handlers that answer every failure of an application as a problem. Installed by `install`."""

from typing import Final

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

from onrecord.kit.http.conventions.request_ids import request_id_header
from onrecord.kit.http.problems import Problem, invalid, problem_of

_CODES: Final = {404: "not-found", 400: "bad-request"}
_DETAILS: Final = {
    404: "There is nothing at this address; GET /docs lists what there is.",
    400: "The request could not be read.",
}


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every failure of an application as a problem."""

    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return invalid(error.errors()).response()

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = error.status_code
        detail = _DETAILS.get(status) or f"The answer is {status}."
        code = _CODES.get(status, "http-error")
        return Problem(status, code, detail, headers=error.headers).response()

    async def away(_: Request, error: Exception) -> Response:
        return problem_of(error).response()

    async def unhandled(_: Request, error: Exception) -> Response:
        """It is answered outside of all middleware, which would add the request's id."""
        problem = problem_of(error)
        problem.headers = {**(problem.headers or {}), **request_id_header()}
        return problem.response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    for error_class in (psycopg.OperationalError, PoolTimeout):
        app.add_exception_handler(error_class, away)
    app.add_exception_handler(Exception, unhandled)
