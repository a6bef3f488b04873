"""Requests to every operation of the OpenAPI document, and checks of their answers against it.

Schemathesis generates valid and invalid requests from the document, the same in each run; the
examples in the document are sent too. References in generated bodies are replaced by names on
record, so that some of these bodies are accepted.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.support.keys import HEADERS
from tests.support.store import described_app

load_all_checks()
CHECKED = CHECKS.get_by_names(
    ["status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
GENERATED = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ON_RECORD: dict[str, Any] = {
    "actor": "emma",
    "into": "ministry",
    "topic": "talks",
    "broader": "tariffs",
    "topics": ["talks"],
    "actors": ["emma"],
    "types": [],
    "addressees": [],
    "on_behalf_of": [],
    "same_utterance_as": [],
    "basis": [],
    "embedded_in": None,
    "effective": "2022-12-01",
    "said_at": "2022-12-01",
    "published_at": "2022-12-01",
    "condition": None,
    "selector": None,
    "expected_revision": None,
    "url": "https://hooks.example/",
    "archive_url": None,
}
"""What generated bodies are given instead of random texts, by field."""


NAMES = {"actor", "topic"}
SIZES = {"known_size", "min_size"}


def load_operations() -> dict[str, Any]:
    """The operations by method and path."""
    schema = schemathesis.openapi.from_dict(described_app().openapi())
    results: Any = schema.get_all_operations()
    return {f"{result.ok().method.upper()} {result.ok().path}": result.ok() for result in results}


OPERATIONS = load_operations()


@schemathesis.serializer("application/x-ndjson")
def batch(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """The body of a batch: an example is a text, which a generated value may not be."""
    return value.encode() if isinstance(value, str) else repr(value).encode()


def no_server_error(_: Any, response: Any, case: Any) -> None:
    """No 5xx except 503 with Retry-After."""
    too_early = response.status_code == 503 and "retry-after" in response.headers
    assert response.status_code < 500 or too_early, response.text


def path_examples(name: str, over: Mapping[str, Any]) -> dict[str, Any]:
    """The examples of the path's parameters in the document, or values in their place."""
    raw = OPERATIONS[name].definition.raw
    examples = {
        parameter["name"]: parameter["example"]
        for parameter in raw.get("parameters", ())
        if parameter["in"] == "path"
    }
    return {key: over.get(key, value) for key, value in examples.items()}


def body_example(name: str) -> dict[str, Any]:
    """The example of the body in the document, as arguments of a case."""
    request_body = OPERATIONS[name].definition.raw.get("requestBody")
    if request_body is None:
        return {}
    ((media_type, content),) = request_body["content"].items()
    return {"media_type": media_type, "body": content["example"]}


def send_checked(base_url: str, case: Any) -> int:
    """Send a case and check its answer; the status."""
    response = case.call(base_url=base_url, headers=HEADERS)
    case.validate_response(response, checks=[no_server_error, *CHECKED])
    status: int = response.status_code
    return status


def send_all(base_url: str, name: str, path: Mapping[str, Any]) -> Counter[int]:
    """Send the example and generated requests, check each answer, and count the statuses."""
    operation, statuses = OPERATIONS[name], Counter[int]()

    def send(case: Any) -> None:
        statuses[send_checked(base_url, case)] += 1

    send(operation.Case(path_parameters=dict(path), **body_example(name)))
    if "{" in name or operation.body or operation.query:
        generate(operation.as_strategy(GenerationMode.NEGATIVE), send)
        valid = {"path_parameters": dict(path)} if path else {}
        generate(operation.as_strategy(GenerationMode.POSITIVE, **valid), send, adapt_to_record)
    return statuses


def generate(
    cases: Any, send: Callable[[Any], None], adapt: Callable[[Any], None] = lambda _: None
) -> None:
    """Send generated cases, adapted in place."""

    @GENERATED
    @given(case=cases)
    def run(case: Any) -> None:
        adapt(case)
        send(case)

    run()


def adapt_to_record(case: Any) -> None:
    """Give a case names on record, and sizes that are reached, so the API does not wait."""
    query = case.query or {}
    query.update({name: ["emma" if name == "actor" else "talks"] for name in NAMES & {*query}})
    query.update(dict.fromkeys(SIZES & {*query}, 7))
    if isinstance(case.body, dict):
        case.body = with_names_on_record(case.body)


def with_names_on_record(value: Any) -> Any:
    """A generated body whose references and dates are on record."""
    if isinstance(value, list):
        return [with_names_on_record(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: ON_RECORD[key] if key in ON_RECORD else with_names_on_record(item)
        for key, item in value.items()
    }
