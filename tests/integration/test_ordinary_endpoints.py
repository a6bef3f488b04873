"""Tests that endpoints written as in FastAPI's documentation work in every API, and are strict.

Each API gets a few such endpoints by `include_router`. They declare parameters of every kind and
depend on the resources of their API; nothing in them is about strictness.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Header, Query
from httpx2 import Client
from pydantic import BaseModel, Field

from onrecord.audit.routes import get_audit_resources
from onrecord.ingest.recorder import get_recorder
from onrecord.kit.http.strict_bodies import MAX_BODY
from onrecord.query.read_context import get_read_resources
from onrecord.webhooks.api.resources import webhooks_resources as get_webhook_resources
from tests.support import postgres
from tests.support.bodies import error_places, expect_problem
from tests.support.store import open_store, run_api

RESOURCES: dict[str, Callable[..., Any]] = {
    "write": get_recorder,
    "read": get_read_resources,
    "audit": get_audit_resources,
    "webhooks": get_webhook_resources,
}
Params = dict[str, Any]
JSON = {"Content-Type": "application/json"}


class Filter(BaseModel):
    """A query model, which by itself ignores what it does not declare."""

    lang: str = "en"
    kind: list[str] = []


class NoteBody(BaseModel):
    text: str
    stars: int = Field(3, ge=1, le=5)


class NoteResponse(BaseModel):
    api: str
    pool: bool
    limit: int
    trace: str | None = None
    lang: str | None = None
    kind: list[str] = []
    page: int = 1
    stars: int | None = None


async def page_number(page: Annotated[int, Query(ge=1)] = 1) -> int:
    """A dependency with a parameter of its own."""
    return page


async def unit_of_work() -> AsyncIterator[str]:
    """A dependency that is cleaned up after the request."""
    yield "unit"


def verbose(verbose: bool = False) -> bool:
    """A dependency of a whole router, sync and with a parameter of its own."""
    return verbose


def ordinary_router(api: str) -> APIRouter:
    """Endpoints as in FastAPI's tutorial, with nothing specific to this code base."""
    router = APIRouter(prefix=f"/v1/ordinary/{api}", tags=[f"{api} API"])

    @router.get("/notes/{name}")
    async def find(
        name: str,
        resources: Annotated[Any, Depends(RESOURCES[api])],
        page: Annotated[int, Depends(page_number)],
        unit: Annotated[str, Depends(unit_of_work)],
        limit: Annotated[int, Query(ge=1, le=100, description="At most so many.")] = 10,
        x_trace: Annotated[str | None, Header(max_length=20)] = None,
    ) -> NoteResponse:
        """Find notes."""
        assert (unit, name) == ("unit", "a")
        return NoteResponse(
            api=api, pool=not resources.pool.closed, limit=limit, trace=x_trace, page=page
        )

    @router.get("/filtered")
    async def filter_(
        filter: Annotated[Filter, Query()], page: Annotated[int, Depends(page_number)]
    ) -> NoteResponse:
        """Find notes by a query model."""
        return NoteResponse(
            api=api, pool=False, limit=0, lang=filter.lang, kind=filter.kind, page=page
        )

    @router.post("/notes", status_code=201)
    def add(
        note: NoteBody, limit: int = 10, x_trace: Annotated[str | None, Header()] = None
    ) -> NoteResponse:
        """Add a note, in a thread, as FastAPI runs sync endpoints."""
        return NoteResponse(api=api, pool=False, limit=limit, trace=x_trace, stars=note.stars)

    outer = APIRouter()
    outer.include_router(router, dependencies=[Depends(verbose)])
    return outer


@pytest.fixture(scope="module")
def client(server_url: str, template: str) -> Iterator[Client]:
    routers = [ordinary_router(api) for api in RESOURCES]
    with (
        postgres.database(server_url, template) as url,
        open_store(url),
        run_api(url, *routers) as new_client,
    ):
        yield new_client


@pytest.fixture(params=RESOURCES)
def api(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_parameters_have_their_defaults(client: Client, api: str) -> None:
    answer = client.get(f"/v1/ordinary/{api}/notes/a")
    expected = {"api": api, "pool": True, "limit": 10, "trace": None, "page": 1}
    assert (200, expected) == (
        answer.status_code,
        {name: answer.json()[name] for name in expected},
    )


def test_parameters_headers_and_dependencies_are_read(client: Client, api: str) -> None:
    params: Params = {"limit": 7, "page": 2, "verbose": "true"}
    answer = client.get(f"/v1/ordinary/{api}/notes/a", params=params, headers={"X-Trace": "t"})
    expected = {"limit": 7, "trace": "t", "page": 2}
    assert expected == {name: answer.json()[name] for name in expected}
    params = {"lang": "uk", "kind": ["a", "b"], "page": 3}
    answer = client.get(f"/v1/ordinary/{api}/filtered", params=params)
    assert params == {name: answer.json()[name] for name in params}


def test_bodies_are_read(client: Client, api: str) -> None:
    answer = client.post(
        f"/v1/ordinary/{api}/notes?limit=2", json={"text": "é"}, headers={"X-Trace": "t"}
    )
    expected = {"api": api, "limit": 2, "trace": "t", "stars": 3}
    assert (201, expected) == (
        answer.status_code,
        {name: answer.json()[name] for name in expected},
    )


@pytest.mark.parametrize("path", ["notes/a", "filtered", "notes"])
def test_an_unknown_parameter_is_refused_and_named(client: Client, api: str, path: str) -> None:
    method = "POST" if path == "notes" else "GET"
    answer = client.request(
        method, f"/v1/ordinary/{api}/{path}?limit_=1&verbose=true", json={"text": "a"}
    )
    assert ["limit_"] == error_places(expect_problem(answer, 422, "invalid"))


@pytest.mark.parametrize(
    ("path", "name"),
    [("notes/a", "limit"), ("notes/a", "page"), ("filtered", "lang"), ("filtered", "verbose")],
)
def test_a_second_value_is_refused_unless_a_list_is_declared(
    client: Client, api: str, path: str, name: str
) -> None:
    answer = client.get(f"/v1/ordinary/{api}/{path}?{name}=1&{name}=1")
    assert [name] == error_places(expect_problem(answer, 422, "invalid"))


def test_a_second_value_of_a_header_is_refused(client: Client, api: str) -> None:
    headers = [("X-Trace", "a"), ("X-Trace", "b")]
    answer = client.get(f"/v1/ordinary/{api}/notes/a", headers=headers)
    assert ["x-trace"] == error_places(expect_problem(answer, 422, "invalid"))


def test_an_invalid_parameter_header_or_field_is_named(client: Client, api: str) -> None:
    answer = client.get(f"/v1/ordinary/{api}/notes/a?limit=0&page=0", headers={"X-Trace": "x" * 21})
    assert ["limit", "page", "x-trace"] == sorted(
        error_places(expect_problem(answer, 422, "invalid"))
    )
    answer = client.post(f"/v1/ordinary/{api}/notes", json={"stars": 9})
    assert ["/stars", "/text"] == sorted(error_places(expect_problem(answer, 422, "invalid")))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"text": "a", "text": "b"}', 400, "bad-json"),
        (b'{"text": "\\u0000"}', 400, "bad-json"),
        (b'{"text": "\\ud800"}', 400, "bad-json"),
        (b'{"text": ' + b"[" * 40 + b"]" * 40 + b"}", 400, "bad-json"),
        (b"{", 400, "bad-json"),
        (b'{"text": "a"}'.ljust(MAX_BODY + 1), 413, "too-large"),
        (b"", 422, "invalid"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_body_that_is_not_strict_json_is_refused(
    client: Client, api: str, body: bytes, status: int, code: str
) -> None:
    path = f"/v1/ordinary/{api}/notes"
    expect_problem(client.post(path, content=body, headers=JSON), status, code)
    if status != 422:
        expect_problem(client.post(path, content=iter([body]), headers=JSON), status, code)


def test_a_body_of_another_media_type_is_refused(client: Client, api: str) -> None:
    path = f"/v1/ordinary/{api}/notes"
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x+json"}):
        answer = client.post(path, content=b'{"text": "a"}', headers=headers)
        expect_problem(answer, 415, "unsupported-media-type")


def test_the_largest_body_is_read(client: Client, api: str) -> None:
    body = b'{"text": "a"}'.ljust(MAX_BODY)
    answer = client.post(f"/v1/ordinary/{api}/notes", content=body, headers=JSON)
    assert 201 == answer.status_code


def test_the_endpoint_is_described(client: Client, api: str) -> None:
    document = client.get("/openapi.json").json()
    paths = document["paths"]
    operation = paths[f"/v1/ordinary/{api}/notes/{{name}}"]["get"]
    described = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert {"name", "page", "limit", "x-trace", "verbose"} == set(described)
    limit = {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    assert limit == {name: described["limit"]["schema"][name] for name in limit}
    assert "header" == described["x-trace"]["in"]
    (tag,) = operation["tags"]
    assert f"{api} API" == tag
    assert tag in {t for path in ("actors", "events", "endpoints") for t in tags(paths, path)}
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert {"$ref": "#/components/schemas/NoteResponse"} == schema
    filtered = {
        parameter["name"]
        for parameter in paths[f"/v1/ordinary/{api}/filtered"]["get"]["parameters"]
    }
    assert {"lang", "kind", "page", "verbose"} == filtered


def tags(paths: dict[str, Any], path: str) -> set[str]:
    """The tags of the operations of onrecord at a path."""
    return {tag for operation in paths[f"/v1/{path}"].values() for tag in operation["tags"]}
