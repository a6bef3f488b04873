"""Tests of the OpenAPI document: what generators of clients and readers of it rely on."""

from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from tests.support.store import described_app

DOCUMENT, NEWER = described_app().openapi_documents()

OPERATION_IDS: Final = {
    *("getPosition", "getTimeline", "getHistory", "listActorPositions", "listTopicPositions"),
    *("listActors", "getActor", "listTopics", "getTopic", "listStatements", "getStatement"),
    *("listChanges", "listCorrections", "listReview", "listPositions", "getRecordedPosition"),
    *("registerActor", "reviseActor", "mergeActor", "unmergeActor"),
    *("registerTopic", "reviseTopic"),
    *("recordStatement", "correctStatement", "retractStatement", "eraseStatement"),
    *("recordPosition", "correctPosition", "retractPosition", "dismissFinding", "recordBatch"),
    *(
        "listEvents",
        "getEvent",
        "listProjections",
        "getLedger",
        "getEventProof",
        "getStatementProof",
    ),
    *("getCheckpoint", "getTile", "getLogPolicy"),
    *("createEndpoint", "listEndpoints", "getEndpoint", "updateEndpoint", "deleteEndpoint"),
    *("dryRunFilter", "pauseEndpoint", "resumeEndpoint", "pingEndpoint", "rotateSecret"),
    *("replayEvents", "getEndpointFeed", "listDeliveries", "resendFailedDeliveries"),
    *("getDelivery", "resendDelivery"),
    *("createKey", "listKeys", "getKey", "revokeKey", "getMe", "resolveName", "checkQuotedWords"),
    *("getHealth", "getReadiness", "getMetrics"),
}
"""Names in the programs of others: to change one breaks them. Add new ones."""


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation with its id."""
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            yield operation["operationId"], operation


OPERATIONS: Final = dict(operations())


@pytest.mark.parametrize("document", [DOCUMENT, NEWER], ids=["3.1", "3.2"])
def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_operation_ids_are_stable() -> None:
    assert OPERATION_IDS == set(OPERATIONS)


def test_every_operation_has_a_tag_with_a_description_and_says_what_it_does() -> None:
    tags = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
    lacking = [
        name
        for name, operation in OPERATIONS.items()
        if not {*operation["tags"]} & tags or not operation["description"]
    ]
    assert lacking == []


def test_every_parameter_has_a_description_and_an_example() -> None:
    lacking = [
        f"{name}: {parameter['name']}"
        for name, operation in OPERATIONS.items()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
        or not ("example" in parameter or parameter["schema"].get("examples"))
    ]
    assert lacking == []


def test_every_body_has_an_example_that_is_valid() -> None:
    for name, operation in OPERATIONS.items():
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            assert "example" in content, name
            if media_type == "application/json":
                schema = {**content["schema"], "components": DOCUMENT["components"]}
                jsonschema_rs.validator_for(schema).validate(content["example"])


def test_bodies_of_webhooks_are_described_field_by_field() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    schema = {"$ref": "#/components/schemas/CloudEvent", "components": DOCUMENT["components"]}
    for name, item in DOCUMENT["webhooks"].items():
        (content,) = item["post"]["requestBody"]["content"].values()
        jsonschema_rs.validator_for(schema).validate(content["example"])
        data = content["example"]["data"].keys() - {"endpoint", "message"}  # of a ping
        assert data <= schemas["CloudEventData"]["properties"].keys(), name
        for statement in content["example"]["data"].get("statements", ()):
            assert statement.keys() <= schemas["StatementFields"]["properties"].keys()


def test_every_problem_has_the_one_schema() -> None:
    reference = {"$ref": "#/components/schemas/Problem"}
    schemas = [
        (name, content.get("schema"))
        for name, operation in OPERATIONS.items()
        for status, answer in operation["responses"].items()
        if status >= "400" and name != "getReadiness"
        for content in answer["content"].values()
    ]
    assert [pair for pair in schemas if pair[1] != reference] == []
    result = DOCUMENT["components"]["schemas"]["LineResult"]["properties"]["problem"]
    assert reference in result["anyOf"]


def test_an_example_of_a_problem_has_the_status_of_its_answer() -> None:
    examples = [
        (int(status), content["example"]["status"])
        for operation in OPERATIONS.values()
        for status, answer in operation["responses"].items()
        for content in answer.get("content", {}).values()
        if status >= "400" and "example" in content
    ]
    assert {401, 403, 404} <= {status for status, _ in examples}
    assert [pair for pair in examples if pair[0] != pair[1]] == []


def test_the_words_of_a_statement_are_typed() -> None:
    """By references, so that every generator makes the same class of them everywhere."""
    schemas = DOCUMENT["components"]["schemas"]
    statements = schemas["PositionOut"]["properties"]["statements"]
    assert {"$ref": "#/components/schemas/StatementOfBasis"} == statements["items"]
    for name in ("StatementOfBasis", "StatementOut", "StatementAnswer"):
        properties = schemas[name]["properties"]
        assert {"$ref": "#/components/schemas/Content"} == properties["content"]
        assert {"$ref": "#/components/schemas/EvidenceOut"} == properties["evidence"]["items"]


def test_no_field_has_a_default() -> None:
    """`openapi-typescript` would demand it of clients, and promise it in answers."""
    with_default = [
        f"{name}.{field}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for field, value in schema.get("properties", {}).items()
        if "default" in value
    ]
    assert with_default == []


def test_streams_have_the_schema_of_an_item() -> None:
    """In 3.1, which has no word for it, in an extension."""
    for document, key in ((NEWER, "itemSchema"), (DOCUMENT, "x-itemSchema")):
        batch = document["paths"]["/v1/batch"]["post"]
        events = document["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]
        lines = "application/x-ndjson"
        named = {
            name: content[lines][key]["$ref"].rpartition("/")[2]
            for name, content in (
                ("sent", batch["requestBody"]["content"]),
                ("answered", batch["responses"]["200"]["content"]),
                ("events", events),
            )
        }
        assert {"sent": "Line", "answered": "LineResult", "events": "EventOut"} == named
        assert "data" in events["text/event-stream"][key]["properties"]


def test_operations_name_the_scope_that_they_need() -> None:
    needed = {"getPosition": "read", "recordStatement": "write", "createEndpoint": "webhooks"}
    for name, scope in needed.items():
        assert [{"key": [scope]}] == OPERATIONS[name]["security"]
    assert [] == OPERATIONS["getHealth"]["security"]
    assert "bearer" == DOCUMENT["components"]["securitySchemes"]["key"]["scheme"]
