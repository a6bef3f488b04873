"""FastAPI dependency that refuses unknown query parameters, and two values where one is taken.

Installed by `entrypoints.app_factory` for a whole application (`FastAPI(dependencies=[...])`), so
that it holds for every endpoint, whether its parameters are declared one by one, as a query model
or by dependencies of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import (  # type: ignore[attr-defined] # one is only imported there
    field_annotation_is_sequence,
    get_flat_params,
    request_params_to_args,
)
from fastapi.routing import iter_route_contexts

from onrecord.kit.http.problems import Problem, invalid


class _Declared(NamedTuple):
    """The parameters of an endpoint: names by whether they take several values."""

    dependant: Dependant
    query: dict[str, bool]
    headers: dict[str, bool]


async def check_parameters(request: Request) -> None:
    """Raise a 404 `Problem` for a path with a line break.

    Raise a 422 `Problem` for a query string that is not UTF-8, and one that names each query
    parameter which the endpoint does not declare, and each parameter or header of which it would
    drop a value: FastAPI takes one of several.

    FastAPI calls dependencies before it validates parameters, so the problem also has the errors of
    the declared ones: a client learns of all of them at once.
    """
    if "\n" in request.scope["path"]:  # Starlette's routes match one at the end: `$` of Python
        raise Problem(404, "not-found", "There is nothing at this address: it has a line break.")
    try:
        unquote_to_bytes(request.scope["query_string"]).decode()
    except UnicodeDecodeError as error:
        detail = f"The query string is not UTF-8: byte {error.start} is {error.reason}."
        raise Problem(422, "invalid", detail) from None
    declared = _declared_parameters(request.app, request.scope["endpoint"])
    repeated = [
        ("header", name, len(values))
        for name, takes_several in declared.headers.items()
        if not takes_several and len(values := request.headers.getlist(name)) > 1
    ]
    if not request.scope["query_string"] and not repeated:
        return
    unknown = [name for name in request.query_params if name not in declared.query]
    repeated += [
        ("query", name, len(values))
        for name in request.query_params
        if not declared.query.get(name, True)
        and len(values := request.query_params.getlist(name)) > 1
    ]
    if unknown or repeated:
        raise invalid(
            [
                *_declared_errors(request, declared, {name for _, name, _ in repeated}),
                *(
                    {"loc": (where, name), "msg": f"takes one value, and has {count}"}
                    for where, name, count in repeated
                ),
                *(
                    {"loc": ("query", name), "msg": "is no parameter of this address"}
                    for name in unknown
                ),
            ]
        )


def _declared_errors(
    request: Request, declared: _Declared, repeated: set[str]
) -> Sequence[dict[str, Any]]:
    """FastAPI's own errors of path and query, without those of repeated parameters."""
    _, path_errors = request_params_to_args(declared.dependant.path_params, request.path_params)
    _, query_errors = request_params_to_args(declared.dependant.query_params, request.query_params)
    return [
        error
        for error in (*path_errors, *query_errors)
        if error["type"] != "extra_forbidden" and repeated.isdisjoint(error["loc"])
    ]


@lru_cache(maxsize=1_024)
def _declared_parameters(app: FastAPI, endpoint: Callable[..., Any]) -> _Declared:
    """The parameters of an endpoint and of all its dependencies.

    They are looked up in the application: only there does a route know the dependencies with which
    its router was included.
    """
    dependants = [
        dependant
        for route in iter_route_contexts(app.routes)
        if route.endpoint is endpoint
        for dependant in _with_dependencies(route.dependant)
    ]
    query = [field for dependant in dependants for field in dependant.query_params]
    headers = [field for dependant in dependants for field in dependant.header_params]
    return _Declared(
        Dependant(
            path_params=[field for dependant in dependants for field in dependant.path_params],
            query_params=query,
        ),
        _names(Dependant(query_params=query)),
        _names(Dependant(header_params=headers)),
    )


def _names(dependant: Dependant) -> dict[str, bool]:
    """The names of parameters, with the fields of models one by one."""
    return {
        str(field.validation_alias or field.alias): field_annotation_is_sequence(
            field.field_info.annotation
        )
        for field in get_flat_params(dependant)
    }


def _with_dependencies(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for dependency in dependant.dependencies:
        yield from _with_dependencies(dependency)
