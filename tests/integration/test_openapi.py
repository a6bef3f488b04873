"""Do the doors answer what their OpenAPI says, whatever they are asked?

Schemathesis makes requests from the description, valid and broken ones, always the same; each goes
over real HTTP. Then every operation is sent something it accepts, so that successes are judged too.
"""

import json
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
from tests.support import bodies, postgres
from tests.support.bodies import FULL_BODIES, POSITION, STATEMENT, post
from tests.support.record import Record, record, serving

load_all_checks()
CONFORM = CHECKS.get_by_names(
    ["status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
MODEST = settings(
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


def described_as(path: str) -> str:
    """The path of an operation that an address is one of."""
    parts = path.split("/")
    return "/".join([*parts[:3], *(["{id}"] if len(parts) > 3 else []), *parts[4:]])


def no_fault_of_ours(_: Any, response: Any, case: Any) -> None:
    """No 5xx, but 503 that says when to come again."""
    too_early = response.status_code == 503 and "retry-after" in response.headers
    assert response.status_code < 500 or too_early, response.text


def described() -> dict[str, Any]:
    """What our own description says that there is; nothing is opened for it."""
    url: Any = "postgresql://nowhere"
    settings = Settings(database_url=url, broker_url="memory://")
    app = app_factory.make(settings, frozenset({"ingest", "query", "audit"}))
    found: Any = schemathesis.openapi.from_dict(app.openapi()).get_all_operations()
    return {f"{one.ok().method.upper()} {one.ok().path}": one.ok() for one in found}


OPERATIONS = described()
ACCEPTED = {
    **{f"POST {described_as(path)}": path for path in FULL_BODIES},
    "POST /v1/positions/{id}/retraction": f"/v1/positions/{POSITION}/retraction",
}
MERGES: dict[str, Any] = {
    "POST /v1/actors/{id}/merge": {"into": "emma", "reason": "One person."},
    "POST /v1/actors/{id}/unmerge": {"reason": "Two after all."},
}

SILENT = ("GET /healthz", "GET /readyz", "GET /v1/projections")
ASKED = [
    (mode, name)
    for mode in GenerationMode
    for name in OPERATIONS
    if mode is GenerationMode.POSITIVE or name not in SILENT
]
"""Nothing can be wrong with a request that says nothing."""


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


@pytest.fixture(scope="module")
def client(on_record: Record) -> Iterator[Client]:
    with serving(on_record.url) as made:
        bodies.register_all(made)
        post(made, "/v1/statements", bodies.statement(id=STATEMENT))
        post(made, "/v1/positions", bodies.position(id=POSITION, basis=[STATEMENT]))
        on_record.catch_up()
        yield made


def ask(client: Client, name: str, mode: GenerationMode, checks: list[Any]) -> None:
    """Send an operation what is made for it, and hold the answers against these checks."""
    operation = OPERATIONS[name]
    known = {key: value for key, value in NAMES.items() if f"{{{key}}}" in name}
    given_path: dict[str, Any] = {}
    if known and mode is GenerationMode.POSITIVE:
        given_path = {"path_parameters": known}

    @MODEST
    @given(case=operation.as_strategy(mode, **given_path))
    def asked(case: Any) -> None:
        for size in {"known_size", "min_size"} & {*(case.query or {})}:
            if str(case.query[size]).isdecimal():
                case.query[size] = 7  # so that no answer is waited for
        response = case.call(base_url=str(client.base_url))
        case.validate_response(response, checks=checks)

    asked()


@pytest.mark.parametrize(("mode", "name"), ASKED, ids=str)
def test_nothing_that_is_sent_is_a_fault_of_ours(
    client: Client, name: str, mode: GenerationMode
) -> None:
    ask(client, name, mode, [no_fault_of_ours])


@pytest.mark.parametrize(("mode", "name"), ASKED, ids=str)
def test_every_answer_is_one_that_is_described(
    client: Client, name: str, mode: GenerationMode
) -> None:
    ask(client, name, mode, CONFORM)


@pytest.mark.parametrize("name", [one for one in OPERATIONS if one.startswith("GET ")])
def test_what_is_read_has_the_shape_that_is_described(client: Client, name: str) -> None:
    events = client.get("/v1/events").json()["items"]
    names = {**NAMES, "id": events[0]["entry"]["id"]} if "/events" in name else NAMES
    known = {key: value for key, value in names.items() if f"{{{key}}}" in name}
    case = OPERATIONS[name].Case(path_parameters=known)
    response = case.call(base_url=str(client.base_url))
    assert response.status_code == 200
    case.validate_response(response, checks=[no_fault_of_ours, *CONFORM])


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_recorded_is_answered_as_described(client: Client, name: str) -> None:
    path = ACCEPTED[name]
    known = {"id": path.split("/")[3]} if "{id}" in name else {}
    if known and "revision" not in name:
        new = bodies.statement() if "statements" in name else bodies.position()
        known = {"id": post(client, "/".join(path.split("/")[:3]), new)["id"]}
    body = FULL_BODIES.get(path, bodies.retraction())
    case = OPERATIONS[name].Case(path_parameters=known, body=body, media_type="application/json")
    first, second = (case.call(base_url=str(client.base_url)) for _ in range(2))
    again = 200 if "id" in body else 409 if "retraction" in name else 201
    assert [201, again] == [first.status_code, second.status_code]
    for response in (first, second):
        case.validate_response(response, checks=[no_fault_of_ours, *CONFORM])


def test_a_merge_and_its_end_are_answered_as_described(client: Client) -> None:
    post(client, "/v1/actors", bodies.actor("twin"))
    answers = []
    for name, body in MERGES.items():
        for _ in range(2):
            case = OPERATIONS[name].Case(
                path_parameters={"id": "twin"}, body=body, media_type="application/json"
            )
            response = case.call(base_url=str(client.base_url))
            case.validate_response(response, checks=[no_fault_of_ours, *CONFORM])
            answers.append(response.status_code)
    assert [201, 409, 201, 409] == answers


def test_every_operation_that_writes_was_sent_something_it_accepts() -> None:
    writes = {one for one in OPERATIONS if one.startswith("POST ")} - {"POST /v1/batch"}
    assert writes == {*ACCEPTED, *MERGES}
