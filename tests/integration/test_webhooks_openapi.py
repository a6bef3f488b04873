"""Does the webhooks door answer what its OpenAPI says, whatever it is asked?

As `test_openapi` asks the other doors: Schemathesis makes requests from the description, valid and
broken ones, always the same. Then every operation is asked something that it can do.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from httpx2 import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from onrecord.entrypoints import app_factory
from onrecord.kit.settings import Settings
from tests.support import bodies, postgres, webhooks
from tests.support.record import record, serving

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


def described() -> dict[str, Any]:
    """What our own description says that there is; nothing is opened for it."""
    url: Any = "postgresql://nowhere"
    app = app_factory.make(
        Settings(database_url=url, broker_url="memory://"), frozenset({"webhooks"})
    )
    found: Any = schemathesis.openapi.from_dict(app.openapi()).get_all_operations()
    named = {f"{one.ok().method.upper()} {one.ok().path}": one.ok() for one in found}
    return {name: one for name, one in named.items() if "/v1/" in name or "/metrics" in name}


OPERATIONS = described()
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


def no_fault_of_ours(_: Any, response: Any, case: Any) -> None:
    assert response.status_code < 500, response.text


@pytest.fixture(scope="module")
def client(server_url: str, template: str) -> Iterator[Client]:
    with (
        postgres.database(server_url, template) as url,
        record(url) as on_record,
        serving(url) as made,
    ):
        bodies.register_all(made)
        endpoint = webhooks.make(made, "https://hooks.example/")
        bodies.post(made, "/v1/positions", bodies.position())
        on_record.fan_out()
        (delivery,) = webhooks.deliveries(made, endpoint["id"])
        KNOWN.update(endpoint=endpoint["id"], delivery=delivery["id"])
        yield made


KNOWN: dict[str, Any] = {}
"""What is there to be asked for; filled in when it is made."""


def ids(name: str) -> dict[str, Any]:
    if "{id}" not in name:
        return {}
    return {"id": KNOWN["delivery" if "/deliveries/{id}" in name else "endpoint"]}


ASKED = [
    (mode, name)
    for mode in GenerationMode
    for name in OPERATIONS
    if mode is GenerationMode.POSITIVE or "/metrics" not in name
]


@pytest.mark.parametrize(("mode", "name"), ASKED, ids=str)
def test_whatever_is_sent_is_answered_as_described(
    client: Client, name: str, mode: GenerationMode
) -> None:
    given_path: dict[str, Any] = {}
    if ids(name) and mode is GenerationMode.POSITIVE and not name.startswith("DELETE"):
        given_path = {"path_parameters": ids(name)}

    @MODEST
    @given(case=OPERATIONS[name].as_strategy(mode, **given_path))
    def asked(case: Any) -> None:
        response = case.call(base_url=str(client.base_url))
        case.validate_response(response, checks=[no_fault_of_ours, *CONFORM])

    asked()


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_can_be_done_is_answered_as_described(client: Client, name: str) -> None:
    known = ids(name)
    if name.startswith("DELETE") or "replay" in name:
        known = {"id": webhooks.make(client, "https://hooks.example/")["id"]}
    given_body = {}
    if name in BODIES:
        given_body = {"body": BODIES[name], "media_type": "application/json"}
    case = OPERATIONS[name].Case(path_parameters=known, **given_body)
    response = case.call(base_url=str(client.base_url))
    assert STATUS.get(name, 200) == response.status_code, response.text
    case.validate_response(response, checks=[no_fault_of_ours, *CONFORM])


def test_every_operation_that_takes_a_body_was_sent_one_that_it_accepts() -> None:
    takes = {name for name, one in OPERATIONS.items() if one.body}
    assert takes == set(BODIES)
