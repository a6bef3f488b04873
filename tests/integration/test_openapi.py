"""Tests that every API conforms to its OpenAPI description, for valid and invalid requests.

Schemathesis generates valid and invalid requests from the description, the same in each run, and
sends them over real HTTP. Then every operation gets a request that it accepts, to check successful
responses too.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from httpx2 import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from onrecord.entrypoints.app_factory import create_app
from onrecord.kit.settings import Settings
from tests.support import bodies, postgres
from tests.support.bodies import FULL_BODIES, POSITION, STATEMENT, post
from tests.support.keys import HEADERS, KEY_ID
from tests.support.store import Store, open_store, run_api

load_all_checks()
CONFORM = CHECKS.get_by_names(
    ["status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
FEW_EXAMPLES = settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
NAMES = {"actor": "emma", "topic": "talks", "id": STATEMENT}


@schemathesis.serializer("application/x-ndjson")
def lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """A batch of one line."""
    return json.dumps(value).encode()


def operation_path(path: str) -> str:
    """The path in the description that a concrete path belongs to."""
    parts = path.split("/")
    return "/".join([*parts[:3], *(["{id}"] if len(parts) > 3 else []), *parts[4:]])


def no_server_error(_: Any, response: Any, case: Any) -> None:
    """No 5xx except 503 with Retry-After."""
    too_early = response.status_code == 503 and "retry-after" in response.headers
    assert response.status_code < 500 or too_early, response.text


def load_operations() -> dict[str, Any]:
    """The operations in our description, by method and path; connects to nothing."""
    url: Any = "postgresql://nowhere"
    settings = Settings(database_url=url, broker_url="memory://")
    app = create_app(settings, frozenset({"write", "read", "audit"}))
    results: Any = schemathesis.openapi.from_dict(app.openapi()).get_all_operations()
    return {f"{result.ok().method.upper()} {result.ok().path}": result.ok() for result in results}


OPERATIONS = load_operations()
ACCEPTED = {
    **{f"POST {operation_path(path)}": path for path in FULL_BODIES},
    "POST /v1/positions/{id}/retraction": f"/v1/positions/{POSITION}/retraction",
    "POST /v1/keys": "/v1/keys",
}
BODIES: dict[str, Any] = {
    **FULL_BODIES,
    "/v1/keys": {"id": str(UUID(int=5)), "name": "Desk", "scopes": ["read"]},
}
MERGES: dict[str, Any] = {
    "POST /v1/actors/{id}/merge": {"into": "emma", "reason": "One person."},
    "POST /v1/actors/{id}/unmerge": {"reason": "Two after all."},
}

WITHOUT_PARAMETERS = ("GET /healthz", "GET /readyz", "GET /v1/projections")
CASES = [
    (mode, name)
    for mode in GenerationMode
    for name in OPERATIONS
    if mode is GenerationMode.POSITIVE or name not in WITHOUT_PARAMETERS
]
"""A request without parameters cannot be invalid."""


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as new_client:
        bodies.register_all(new_client)
        post(new_client, "/v1/statements", bodies.statement(id=STATEMENT))
        post(new_client, "/v1/positions", bodies.position(id=POSITION, basis=[STATEMENT]))
        store.catch_up()
        yield new_client


def check_operation(client: Client, name: str, mode: GenerationMode, checks: list[Any]) -> None:
    """Send generated requests to an operation and run these checks on the responses."""
    operation = OPERATIONS[name]
    path_parameters = {key: value for key, value in NAMES.items() if f"{{{key}}}" in name}
    arguments: dict[str, Any] = {}
    if path_parameters and mode is GenerationMode.POSITIVE:
        arguments = {"path_parameters": path_parameters}

    @FEW_EXAMPLES
    @given(case=operation.as_strategy(mode, **arguments))
    def send(case: Any) -> None:
        for size in {"known_size", "min_size"} & {*(case.query or {})}:
            if str(case.query[size]).isdecimal():
                case.query[size] = 7  # a size that is reached, so the API does not wait
        response = case.call(base_url=str(client.base_url), headers=HEADERS)
        case.validate_response(response, checks=checks)

    send()


@pytest.mark.parametrize(("mode", "name"), CASES, ids=str)
def test_no_request_is_answered_with_a_server_error(
    client: Client, name: str, mode: GenerationMode
) -> None:
    check_operation(client, name, mode, [no_server_error])


@pytest.mark.parametrize(("mode", "name"), CASES, ids=str)
def test_every_answer_conforms_to_the_description(
    client: Client, name: str, mode: GenerationMode
) -> None:
    check_operation(client, name, mode, CONFORM)


@pytest.mark.parametrize(
    "name", [operation for operation in OPERATIONS if operation.startswith("GET ")]
)
def test_successful_reads_conform_to_the_description(
    client: Client, store: Store, name: str
) -> None:
    store.sweep()  # `/readyz` asks for a recent one
    events = client.get("/v1/events").json()["items"]
    names = {**NAMES, "id": events[0]["entry"]["id"]} if "/events" in name else NAMES
    names = {**NAMES, "id": str(KEY_ID)} if "/keys" in name else names
    path_parameters = {key: value for key, value in names.items() if f"{{{key}}}" in name}
    case = OPERATIONS[name].Case(path_parameters=path_parameters)
    response = case.call(base_url=str(client.base_url), headers=HEADERS)
    assert response.status_code == 200
    case.validate_response(response, checks=[no_server_error, *CONFORM])


@pytest.mark.parametrize("name", ACCEPTED)
def test_successful_writes_conform_to_the_description(client: Client, name: str) -> None:
    path = ACCEPTED[name]
    path_parameters = {"id": path.split("/")[3]} if "{id}" in name else {}
    if path_parameters and "revision" not in name:
        new = bodies.statement() if "statements" in name else bodies.position()
        path_parameters = {"id": post(client, "/".join(path.split("/")[:3]), new)["id"]}
    body = BODIES.get(path, bodies.retraction())
    case = OPERATIONS[name].Case(
        path_parameters=path_parameters, body=body, media_type="application/json"
    )
    first, second = (case.call(base_url=str(client.base_url), headers=HEADERS) for _ in range(2))
    again = 200 if "id" in body else 409 if "retraction" in name else 201
    assert [201, again] == [first.status_code, second.status_code]
    for response in (first, second):
        case.validate_response(response, checks=[no_server_error, *CONFORM])


def test_a_merge_and_an_unmerge_conform_to_the_description(client: Client) -> None:
    post(client, "/v1/actors", bodies.actor("twin"))
    answers = []
    for name, body in MERGES.items():
        for _ in range(2):
            case = OPERATIONS[name].Case(
                path_parameters={"id": "twin"}, body=body, media_type="application/json"
            )
            response = case.call(base_url=str(client.base_url), headers=HEADERS)
            case.validate_response(response, checks=[no_server_error, *CONFORM])
            answers.append(response.status_code)
    assert [201, 409, 201, 409] == answers


def test_every_write_operation_is_sent_a_valid_request() -> None:
    writes = {operation for operation in OPERATIONS if operation.startswith("POST ")} - {
        "POST /v1/batch"
    }
    assert writes == {*ACCEPTED, *MERGES}
