"""How is what a reader asks for read from an address?

A route class for doors that answer questions. An endpoint declares its parameters as FastAPI has
it, as one model, and FastAPI describes them. But it would work out anew at each request what each
field is annotated with, which takes an eighth of a small answer's time (measured); so pydantic
reads them here at once.
"""

import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, get_origin, get_type_hints

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from onrecord.kit.problems import invalid

Endpoint = Callable[..., Coroutine[Any, Any, Response]]


class ReadRoute(APIRoute):
    """A route of an endpoint that takes `request`, names in the path, and `ask`, a model."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        self._model: type[BaseModel] = get_type_hints(endpoint)["ask"]
        fields = self._model.model_fields.items()
        self._lists = {name for name, field in fields if get_origin(field.annotation) is list}
        options["openapi_extra"] = {"parameters": _described(path, endpoint)}
        super().__init__(path, self._asked(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as of_path:
                raise invalid([*of_path.errors(), *self._faults(request)]) from None

        return told

    def _asked(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as FastAPI is to see it: without `ask`."""

        @wraps(endpoint)
        async def asked(request: Request, **names: Any) -> Response:
            try:
                ask = self._read(request)
            except ValidationError:
                raise invalid(self._faults(request)) from None
            return await endpoint(request=request, ask=ask, **names)

        whole = inspect.signature(endpoint)
        seen = [one for one in whole.parameters.values() if one.name != "ask"]
        asked.__signature__ = whole.replace(parameters=seen)  # type: ignore[attr-defined] # inspect's
        return asked

    def _read(self, request: Request) -> BaseModel:
        """What is asked; of a parameter that is given twice and is no list, the last counts."""
        given: dict[str, Any] = dict(request.query_params)
        for name in self._lists & given.keys():
            given[name] = request.query_params.getlist(name)
        return self._model.model_validate(given)

    def _faults(self, request: Request) -> list[Any]:
        try:
            self._read(request)
        except ValidationError as error:
            return [{**one, "loc": ("query", *one["loc"])} for one in error.errors()]
        return []


def _described(path: str, endpoint: Endpoint) -> list[dict[str, Any]]:
    """What OpenAPI says of the parameters in the query, in FastAPI's words."""
    app = FastAPI()
    app.add_api_route(path, endpoint)
    (address,) = app.openapi()["paths"].values()
    return [one for one in address["get"]["parameters"] if one["in"] == "query"]
