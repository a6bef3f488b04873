"""Corrections and retractions as a list: what stood before, what stands since, who was wrong."""

from typing import Any

import httpx2
import pytest

from tests.support import bodies
from tests.support.store import Store


@pytest.fixture
def amended(client: httpx2.Client, store: Store) -> dict[str, Any]:
    """A statement and a position that were corrected and then retracted; their ids and sizes."""
    bodies.register_all(client)
    statement = bodies.post(client, "/v1/statements", bodies.FULL_STATEMENT)
    position = bodies.post(client, "/v1/positions", bodies.position(basis=[statement["id"]]))
    path = f"/v1/positions/{position['id']}"
    corrected = bodies.position(basis=[statement["id"]]) | {"stance": "oppose"}
    bodies.post(client, f"{path}/corrections", bodies.correction(corrected))
    replacement = bodies.FULL_STATEMENT | {"content": bodies.content(text="Never.")}
    changed = bodies.post(
        client, f"/v1/statements/{statement['id']}/corrections", bodies.correction(replacement)
    )
    bodies.post(client, f"{path}/retraction", bodies.retraction())
    store.catch_up()
    return {"statement": statement["id"], "position": position["id"], "size": changed["size"]}


def test_corrections_and_retractions_are_listed_last_recorded_first(
    client: httpx2.Client, amended: dict[str, Any]
) -> None:
    retracted, statement, position = client.get("/v1/corrections").json()["items"]
    assert (retracted["type"], retracted["id"]) == ("position.retracted", amended["position"])
    assert (retracted["was"]["stance"], retracted["now"]) == ("oppose", None)
    assert (statement["type"], statement["id"]) == ("statement.corrected", amended["statement"])
    assert (statement["was"]["words"], statement["now"]["words"]) == (
        bodies.FULL_STATEMENT["content"]["text"],
        "Never.",
    )
    assert position["type"] == "position.corrected"
    assert (position["was"]["stance"], position["now"]["stance"]) == (
        bodies.position()["stance"],
        "oppose",
    )
    correction = bodies.correction({})
    assert (position["by"], position["reason"]) == (correction["by"], correction["reason"])
    assert position["actor_labels"]
    assert position["topic_labels"]
    assert retracted["recorded_at"] >= statement["recorded_at"] >= position["recorded_at"]


def test_pages_and_earlier_sizes_hold(client: httpx2.Client, amended: dict[str, Any]) -> None:
    all_items = client.get("/v1/corrections").json()["items"]
    paged, cursor = [], ""
    while cursor is not None:
        params: dict[str, Any] = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/corrections", params=params).json()
        paged += page["items"]
        cursor = page["next"]
    assert paged == all_items
    earlier = client.get("/v1/corrections", params={"known_size": amended["size"]}).json()
    assert earlier["items"] == all_items[1:]


def test_filters_pass_what_is_about_them(client: httpx2.Client, amended: dict[str, Any]) -> None:
    items = client.get("/v1/corrections").json()["items"]
    position = next(item for item in items if item["subject"] == "position")
    actor, topic = position["actors"][0], position["topics"][0]
    about = client.get("/v1/corrections", params={"actor": actor, "topic": topic}).json()["items"]
    assert {item["id"] for item in about} >= {amended["position"]}
    assert all(actor in item["actors"] and topic in item["topics"] for item in about)


def test_erased_words_are_missing(
    client: httpx2.Client, store: Store, amended: dict[str, Any]
) -> None:
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{amended['statement']}/erasure", erasure)
    store.catch_up()
    items = client.get("/v1/corrections").json()["items"]
    statement = next(item for item in items if item["subject"] == "statement")
    assert (statement["was"]["words"], statement["now"]["words"]) == (None, None)
