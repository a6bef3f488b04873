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
from fastapi.dependencies.utils import get_flat_params, request_params_to_args
from fastapi.routing import iter_route_contexts

from onrecord.kit.http.problems import invalid


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise a 422 `Problem` that names each query parameter which the endpoint does not declare.

    FastAPI calls dependencies before it validates parameters, so the problem also has the errors of
    the declared ones: a client learns of all of them at once.
    """
    if not request.scope["query_string"]:
        return
    declared = _declared_parameters(request.app, request.scope["endpoint"])
    # the fields of query models one by one
    names = {
        field.validation_alias or field.alias
        for field in get_flat_params(Dependant(query_params=declared.query_params))
    }
    unknown = [name for name in request.query_params if name not in names]
    if unknown:
        _, path_errors = request_params_to_args(declared.path_params, request.path_params)
        _, query_errors = request_params_to_args(declared.query_params, request.query_params)
        errors = [error for error in query_errors if error["type"] != "extra_forbidden"]
        message = "is no parameter of this address"
        extra = [{"loc": ("query", name), "msg": message} for name in unknown]
        raise invalid([*path_errors, *errors, *extra])


@lru_cache(maxsize=1_024)
def _declared_parameters(app: FastAPI, endpoint: Callable[..., Any]) -> Dependant:
    """The path and query parameters of an endpoint and of all its dependencies.

    They are looked up in the application: only there does a route know the dependencies with which
    its router was included.
    """
    dependants = [
        dependant
        for route in iter_route_contexts(app.routes)
        if route.endpoint is endpoint
        for dependant in _with_dependencies(route.dependant)
    ]
    return Dependant(
        path_params=[field for dependant in dependants for field in dependant.path_params],
        query_params=[field for dependant in dependants for field in dependant.query_params],
    )


def _with_dependencies(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for dependency in dependant.dependencies:
        yield from _with_dependencies(dependency)
