"""FastAPI dependency that refuses unknown query parameters.

Installed by `entrypoints.app_factory` for a whole application (`FastAPI(dependencies=[...])`), so
that it holds for every endpoint, whether its parameters are declared one by one, as a query model
or by dependencies of its own.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import iter_route_contexts

from onrecord.kit.http.problems import Problem


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise a 422 `Problem` that names each query parameter which the endpoint does not declare."""
    if not request.scope["query_string"]:
        return
    declared = _declared_parameters(request.app, request.scope["endpoint"])
    unknown = [name for name in request.query_params if name not in declared]
    if unknown:
        message = "is no parameter of this address"
        errors = [{"parameter": name, "message": message} for name in unknown]
        raise Problem(422, "invalid", "There is a parameter too many.", errors=errors)


@lru_cache(maxsize=1_024)
def _declared_parameters(app: FastAPI, endpoint: Callable[..., Any]) -> frozenset[str]:
    """Names of the query parameters of an endpoint and of all its dependencies.

    They are looked up in the application: only there does a route know the dependencies with which
    its router was included.
    """
    fields = [
        field
        for route in iter_route_contexts(app.routes)
        if route.endpoint is endpoint
        for dependant in _with_dependencies(route.dependant)
        for field in dependant.query_params
    ]
    flat = get_flat_params(Dependant(query_params=fields))  # the fields of models one by one
    return frozenset(field.validation_alias or field.alias for field in flat)


def _with_dependencies(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for dependency in dependant.dependencies:
        yield from _with_dependencies(dependency)
