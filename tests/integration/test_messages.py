"""Tests that refusals speak in words: no regular expressions, no texts of a library."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client

from tests.support import bodies, postgres, webhooks
from tests.support.bodies import FULL_BODIES, expect_problem, get
from tests.support.store import open_store, run_api

NOT_WORDS = re.compile(
    r"[\^$|\\{}*]|\[.-|\(\?|pattern|should|Input|String|Tuple|List |Dict|valid |parse|Extra"
)
"""Signs of regular expressions, and pydantic's vocabulary."""
INVALID_PARAMETERS = ("", "!", "A b", "x" * 600, "-1", "9" * 30, "1.5", "../2022", "é")
INVALID_VALUES: list[Any] = ["", " ", "a b!", "x" * 100_001, 7, 1.5, None, True, [], {}]
SLUG = (
    "must be lower-case letters and digits with single hyphens or underscores between them, as "
    "emmanuel-macron, or a Wikidata id, as Q3052772; at most 80 characters"
)


@pytest.fixture(scope="module")
def client(server_url: str, template: str) -> Iterator[Client]:
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url) as new_client,
    ):
        bodies.register_all(new_client)
        store.catch_up()
        yield new_client


def messages(problem: dict[str, Any]) -> list[str]:
    return [error["message"] for error in problem["errors"]]


def queries(client: Client) -> Iterator[tuple[str, str]]:
    """Every parameter of every GET operation, with an address."""
    endpoint = webhooks.create_endpoint(client, "https://receiver.example/")["id"]
    for path, operations in get(client, "/openapi.json")["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", ()):
            if parameter["in"] == "query":
                yield path.format(actor="emma", topic="talks", id=endpoint), parameter["name"]


def test_messages_of_refused_parameters_are_in_words(client: Client) -> None:
    told = set()
    for path, name in queries(client):
        for value in INVALID_PARAMETERS:
            answer = client.get(path, params={name: value})
            if answer.status_code == 422:
                told |= {*messages(answer.json())}
    assert [] == [message for message in told if NOT_WORDS.search(message)]
    assert len(told) > 10


WEBHOOK_BODIES: dict[str, Any] = {
    "/v1/endpoints": {
        "url": "https://receiver.example/",
        "types": ["position.changed"],
        "actors": ["emma"],
        "topics": ["talks"],
        "kinds": ["adopted"],
        "description": "Ours.",
    },
    "/v1/endpoints/dry-run": {"actors": ["emma"]},
}
ALL_BODIES = {**FULL_BODIES, **WEBHOOK_BODIES}


@pytest.mark.parametrize("path", ALL_BODIES)
def test_messages_of_refused_fields_are_in_words(client: Client, path: str) -> None:
    told = set()
    for at in bodies.string_paths(ALL_BODIES[path]):
        for end in {at, at[:1], at[:-1] or at}:
            for value in INVALID_VALUES:
                body = bodies.with_value_at(ALL_BODIES[path], end, value)
                answer = client.post(path, json=body)
                if answer.status_code == 422:
                    told |= {*messages(answer.json())}
    told |= {*messages(expect_problem(client.post(path, json={"bogus": 1}), 422, "invalid"))}
    assert [] == [message for message in told if NOT_WORDS.search(message)]
    assert len(told) > 1


def test_slugs_are_described(client: Client) -> None:
    answer = client.post("/v1/topics/Emma/revision", json={"label": "Talks", "proposition": "Do."})
    assert [SLUG] == messages(expect_problem(answer, 422, "invalid"))


@pytest.mark.parametrize("path", ["/v1/topics/Emma", "/v1/statements?topic=Emma"])
def test_names_of_topics_are_described(client: Client, path: str) -> None:
    (message,) = messages(expect_problem(client.get(path), 422, "invalid"))
    assert "must be the id of a topic, as talks-with-russia, or wikidata:Q3052772" == message


@pytest.mark.parametrize("path", ["/v1/actors/Emma", "/v1/statements?actor=Emma"])
def test_names_of_actors_are_described(client: Client, path: str) -> None:
    (message,) = messages(expect_problem(client.get(path), 422, "invalid"))
    assert "must be the id of an actor, as emmanuel-macron, or wikidata:Q3052772" == message


@pytest.mark.parametrize("name", ["as_of", "known_at"])
def test_a_read_date_at_the_latest_is_refused_with_its_reason(client: Client, name: str) -> None:
    path = "/v1/actors/emma/topics/talks/position"
    (message,) = messages(
        expect_problem(client.get(path, params={name: "../2022"}), 422, "invalid")
    )
    assert message.startswith("'../2022' means at the latest then, and a read needs one date")
    (message,) = messages(expect_problem(client.get(path, params={name: "soon"}), 422, "invalid"))
    assert message.startswith("'soon' is not a day (2022-03-20), a month")
    assert "../" not in message
