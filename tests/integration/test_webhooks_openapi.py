"""Tests that the webhooks API conforms to its OpenAPI description.

As in `test_openapi`: Schemathesis generates valid and invalid requests from the description, always
the same. Then every operation gets a request that succeeds.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from httpx2 import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from onrecord.entrypoints.app_factory import create_app
from onrecord.kit.settings import Settings
from tests.support import bodies, postgres, webhooks
from tests.support.keys import HEADERS
from tests.support.store import open_store, run_api

load_all_checks()
CONFORM = CHECKS.get_by_names(
    ["status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
MODEST = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations() -> dict[str, Any]:
    """The operations of our own description; nothing is opened for it."""
    url: Any = "postgresql://nowhere"
    app = create_app(Settings(database_url=url, broker_url="memory://"), frozenset({"webhooks"}))
    described: Any = schemathesis.openapi.from_dict(app.openapi()).get_all_operations()
    named = {
        f"{result.ok().method.upper()} {result.ok().path}": result.ok() for result in described
    }
    return {
        name: value
        for name, value in named.items()
        if ("/v1/" in name or "/metrics" in name) and "/v1/me" not in name
    }


OPERATIONS = operations()
BODIES: dict[str, Any] = {
    "POST /v1/endpoints": {"url": "https://hooks.example/", "topics": ["talks"], "ordered": True},
    "POST /v1/endpoints/dry-run": {"kinds": ["adopted"], "events": 10},
    "PATCH /v1/endpoints/{id}": {"description": "Another.", "types": ["position.changed"]},
    "POST /v1/endpoints/{id}/pause": {"reason": "Moving."},
    "POST /v1/endpoints/{id}/replay": {"from_size": 0},
    "POST /v1/endpoints/{id}/resend": {"failed_since": "2022-01-01T00:00:00Z"},
}
STATUS = {
    "POST /v1/endpoints": 201,
    "DELETE /v1/endpoints/{id}": 204,
    "POST /v1/endpoints/{id}/ping": 202,
    "POST /v1/endpoints/{id}/replay": 202,
}


def no_server_error(_: Any, response: Any, case: Any) -> None:
    assert response.status_code < 500, response.text


@pytest.fixture(scope="module")
def client(server_url: str, template: str) -> Iterator[Client]:
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url) as served,
    ):
        bodies.register_all(served)
        endpoint = webhooks.create_endpoint(served, "https://hooks.example/")
        bodies.post(served, "/v1/positions", bodies.position())
        store.fan_out()
        (delivery,) = webhooks.deliveries(served, endpoint["id"])
        IDS.update(endpoint=endpoint["id"], delivery=delivery["id"])
        yield served


IDS: dict[str, Any] = {}  # of an endpoint and a delivery; filled in by the fixture


def path_ids(name: str) -> dict[str, Any]:
    if "{id}" not in name:
        return {}
    return {"id": IDS["delivery" if "/deliveries/{id}" in name else "endpoint"]}


CASES = [
    (mode, name)
    for mode in GenerationMode
    for name in OPERATIONS
    if mode is GenerationMode.POSITIVE or "/metrics" not in name
]


@pytest.mark.parametrize(("mode", "name"), CASES, ids=str)
def test_every_response_conforms_to_the_description(
    client: Client, name: str, mode: GenerationMode
) -> None:
    given_path: dict[str, Any] = {}
    if path_ids(name) and mode is GenerationMode.POSITIVE and not name.startswith("DELETE"):
        given_path = {"path_parameters": path_ids(name)}

    @MODEST
    @given(case=OPERATIONS[name].as_strategy(mode, **given_path))
    def run(case: Any) -> None:
        response = case.call(base_url=str(client.base_url), headers=HEADERS)
        case.validate_response(response, checks=[no_server_error, *CONFORM])

    run()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_succeeds_as_described(client: Client, name: str) -> None:
    path_parameters = path_ids(name)
    if name.startswith("DELETE") or "replay" in name:
        path_parameters = {"id": webhooks.create_endpoint(client, "https://hooks.example/")["id"]}
    given_body = {}
    if name in BODIES:
        given_body = {"body": BODIES[name], "media_type": "application/json"}
    case = OPERATIONS[name].Case(path_parameters=path_parameters, **given_body)
    response = case.call(base_url=str(client.base_url), headers=HEADERS)
    assert STATUS.get(name, 200) == response.status_code, response.text
    case.validate_response(response, checks=[no_server_error, *CONFORM])


def test_every_operation_with_a_body_was_tested_with_a_valid_one() -> None:
    with_body = {name for name, operation in OPERATIONS.items() if operation.body}
    assert with_body == set(BODIES)
