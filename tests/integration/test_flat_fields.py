"""Tests of the flat fields of deliveries: words, names, labels and a link, as known at the event.

Read from the feed, which renders events as deliveries are rendered; one test compares the two.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from httpx2 import Client

from onrecord.kit.sql import db
from onrecord.webhooks import flat_fields
from tests.support import bodies, postgres, reviews
from tests.support.processes import until
from tests.support.receiver import Receiver
from tests.support.store import PUBLIC_URL, Store
from tests.support.webhooks import create_endpoint

SPOKESMAN = bodies.statement(
    speakers=[{"actor": "spokesman", "role": "Spokesman", "on_behalf_of": ["ministry"]}],
    evidence=[bodies.evidence(outlet="The Daily"), bodies.evidence(url="https://other.example/")],
)


@pytest.fixture
def feed(client: Client, store: Store) -> Callable[[], list[dict[str, Any]]]:
    """Fold, and read all events of an endpoint that was created before this."""
    bodies.register_all(client)
    endpoint = create_endpoint(client, "https://hooks.example/")["id"]

    def read() -> list[dict[str, Any]]:
        store.catch_up()
        items: list[dict[str, Any]] = bodies.get(client, f"/v1/endpoints/{endpoint}/feed")["items"]
        return items

    return read


def path_of(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def test_statement_has_its_words_names_source_and_link(
    client: Client, feed: Callable[[], list[dict[str, Any]]]
) -> None:
    recorded = bodies.post(client, "/v1/statements", SPOKESMAN)
    (event,) = feed()
    talks = {"id": "talks", "label": "Talks", "proposition": "Hold talks soon"}
    link = event["data"]["link"]
    assert {
        "id": recorded["id"],
        "speakers": [{"id": "spokesman", "name": "Spokesman", "role": "Spokesman"}],
        "said_at": "2022-11-30",
        "text": "We are ready to talk.",
        "lang": "en",
        "mode": "verbatim",
        "topics": [talks],
        "outlet": "The Daily",
        "url": "https://news.example/1",
        "link": link,
    }.items() <= event["data"].items()
    assert link.startswith(f"{PUBLIC_URL}/v1/statements/{recorded['id']}?")
    assert "We are ready to talk." == bodies.get(client, path_of(link))["content"]["text"]
    words = event["data"]["payload"]["content"]["value"]["content"]["text"]
    assert words == event["data"]["text"], "and where it was"


def test_position_has_labels_change_words_of_its_basis_and_link(
    client: Client, feed: Callable[[], list[dict[str, Any]]]
) -> None:
    first = bodies.post(client, "/v1/statements", SPOKESMAN)
    later = bodies.statement(said_at="2022-12-02", content=bodies.content(text="Now."))
    coded = bodies.additional_position(
        stance="conditional_support",
        condition="If they leave.",
        effective="../2022-12",
        basis=[first["id"]],
    )
    second = bodies.post(client, "/v1/statements", {**later, "positions": [coded]})
    data = feed()[-1]["data"]
    assert {
        "id": second["positions"][0],
        "actor": {"id": "emma", "name": "Emma"},
        "topic": {"id": "talks", "label": "Talks", "proposition": "Hold talks soon"},
        "stance": "conditional_support",
        "condition": "If they leave.",
        "summary": "For talks.",
        "effective": "../2022-12",
    }.items() <= data.items()
    assert "adopted" == data["change"]["kind"]
    assert [
        (first["id"], "We are ready to talk.", "Spokesman"),
        (second["id"], "Now.", None),
    ] == [(said["id"], said["text"], said["speakers"][0]["role"]) for said in data["statements"]]
    position = bodies.get(client, path_of(data["link"]))
    assert (data["id"], data["stance"]) == (position["id"], position["stance"])


def test_names_and_labels_are_those_of_then(
    client: Client, feed: Callable[[], list[dict[str, Any]]]
) -> None:
    bodies.post(
        client, "/v1/statements", {**SPOKESMAN, "positions": [bodies.additional_position()]}
    )
    for path, body in (
        ("actors/emma", bodies.actor(names=[{"name": "Emma the Second", "lang": "en"}])),
        ("actors/spokesman", bodies.actor(names=[{"name": "Sprecher", "lang": "de"}])),
        ("topics/talks", bodies.topic(label="Peace", proposition="Make peace")),
    ):
        body.pop("id")
        bodies.post(client, f"/v1/{path}/revision", body)
    bodies.post(client, "/v1/statements", SPOKESMAN)
    said, held, emma, _, topic, again = (event["data"] for event in feed())
    assert ("Spokesman", "Talks") == (said["speakers"][0]["name"], said["topics"][0]["label"])
    assert ("Emma", "Talks") == (held["actor"]["name"], held["topic"]["label"])
    assert "Spokesman" == held["statements"][0]["speakers"][0]["name"]
    assert "Emma the Second" == emma["actor"]["name"]
    assert ("Peace", "Make peace") == (topic["topic"]["label"], topic["topic"]["proposition"])
    assert ("Sprecher", "Peace") == (again["speakers"][0]["name"], again["topics"][0]["label"])


def test_corrections_and_retractions_have_the_state_that_they_are_about(
    client: Client, feed: Callable[[], list[dict[str, Any]]]
) -> None:
    recorded = bodies.post(
        client, "/v1/statements", {**SPOKESMAN, "positions": [bodies.additional_position()]}
    )
    statement = f"/v1/statements/{recorded['id']}"
    position = f"/v1/positions/{recorded['positions'][0]}"
    shorter = bodies.statement(content=bodies.content(text="Ready."))
    opposed = bodies.position(stance="oppose", basis=[recorded["id"]])
    bodies.post(client, f"{statement}/corrections", bodies.correction(shorter))
    bodies.post(client, f"{position}/corrections", bodies.correction(opposed))
    bodies.post(client, f"{position}/retraction", bodies.retraction())
    bodies.post(client, f"{statement}/retraction", bodies.retraction())
    said, held, *amendments = (event["data"] for event in feed())
    assert ("We are ready to talk.", "support") == (said["text"], held["stance"])
    said_again, held_again, not_held, not_said = amendments
    assert ["Ready."] * 2 == [said_again["text"], not_said["text"]]
    assert ["oppose"] * 2 == [held_again["stance"], not_held["stance"]]
    assert [["Ready."]] * 2 == [
        [said["text"] for said in held["statements"]] for held in (held_again, not_held)
    ]
    assert [("us", "A slip of ours.")] * 2 + [("outlet", "Never said.")] * 2 == [
        (amendment["by"], amendment["reason"]) for amendment in amendments
    ]
    assert {recorded["id"]} == {said["id"], said_again["id"], not_said["id"]}


def test_erased_words_are_null_with_the_ground_also_before_the_erasure_is_folded(
    client: Client, store: Store, feed: Callable[[], list[dict[str, Any]]]
) -> None:
    body = {**SPOKESMAN, "positions": [bodies.additional_position()]}
    recorded = bodies.post(client, "/v1/statements", body)
    assert "We are ready to talk." == feed()[0]["data"]["text"]
    erasure = {"sections": ["content", "roles", "evidence"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{recorded['id']}/erasure", erasure)
    endpoint = client.get("/v1/endpoints").json()["items"][0]["id"]
    unfolded = bodies.get(client, f"/v1/endpoints/{endpoint}/feed")["items"]
    said, held, erased = (event["data"] for event in feed())
    assert [said, held] == [event["data"] for event in unfolded]
    for statement in (said, held["statements"][0], erased):
        assert (None, "gdpr-17") == (statement["text"], statement["text_erased"])
        assert (None, None) == (statement["url"], statement["outlet"])
        assert [{"id": "spokesman", "name": "Spokesman", "role": None}] == statement["speakers"]
        assert ("en", "2022-11-30") == (statement["lang"], statement["said_at"])


def test_merge_names_both_actors(client: Client, feed: Callable[[], list[dict[str, Any]]]) -> None:
    bodies.post(client, "/v1/actors", bodies.actor("emma-2", names=[]))
    bodies.post(client, "/v1/actors/emma-2/merge", {"into": "emma", "reason": "The same."})
    _, merge = (event["data"] for event in feed())
    assert {"id": "emma-2", "name": "emma-2"} == merge["actor"], "no name is on record"
    assert {"id": "emma", "name": "Emma"} == merge["into"]
    assert "The same." == merge["reason"]


def test_a_dismissed_finding_is_named_with_its_reason_and_a_link(
    client: Client, store: Store, feed: Callable[[], list[dict[str, Any]]]
) -> None:
    page = [bodies.evidence(url="https://n/1")]
    for _ in range(2):
        reviews.state(client, evidence=page)
    (finding,) = reviews.review(client, store)
    reviews.dismiss(client, store, finding, reason="Two interviews.")
    data = feed()[-1]["data"]
    assert finding["dismiss"] == data["finding"]
    assert "Two interviews." == data["reason"]
    (dismissed,) = bodies.get(client, path_of(data["link"]))["items"]
    assert finding["statement"] == dismissed["statement"]


def test_words_of_a_long_basis_are_left_out_at_the_end(
    client: Client,
    feed: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flat_fields, "MAX_CHARACTERS", 5)
    words = [bodies.content(text=text) for text in ("Yes.", "No.")]
    ids = [
        bodies.post(client, "/v1/statements", bodies.statement(content=said))["id"]
        for said in words
    ]
    bodies.post(client, "/v1/positions", bodies.position(basis=ids))
    first, second = feed()[-1]["data"]["statements"]
    assert "Yes." == first["text"]
    assert (None, "too long") == (second["text"], second["text_left_out"])


def test_feed_has_the_bodies_of_deliveries(
    client: Client, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    endpoint = create_endpoint(client, receiver.url())["id"]
    bodies.post(client, "/v1/statements", SPOKESMAN)
    deliver()
    until(lambda: len(receiver.requests) == 1, "it arrived")
    delivered = receiver.requests[0].json
    (listed,) = bodies.get(client, f"/v1/endpoints/{endpoint}/feed")["items"]
    assert listed == delivered


def test_source_is_of_one_installation_and_no_process_can_change_it(
    client: Client, store: Store, server_url: str, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    def installation(url: str) -> UUID:
        with psycopg.connect(url) as conn:
            (row,) = conn.execute("SELECT id FROM webhooks.installation").fetchall()
        id_: UUID = row[0]
        return id_

    endpoint = create_endpoint(client, receiver.url())["id"]
    bodies.post(client, "/v1/statements", SPOKESMAN)
    client.post(f"/v1/endpoints/{endpoint}/ping")
    deliver()
    until(lambda: len(receiver.requests) == 2, "both arrived")
    own = installation(store.url)
    assert {f"urn:uuid:{own}"} == {request.json["source"] for request in receiver.requests}
    with postgres.database(server_url) as another:
        assert own != installation(another)
    with (
        db.connect(store.url, role="onrecord_webhooks") as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute("UPDATE webhooks.installation SET id = gen_random_uuid()")


def test_a_change_is_flat_and_as_certain_as_in_the_read_api(
    client: Client, feed: Callable[[], list[dict[str, Any]]]
) -> None:
    """Each as of its own size, whatever dates overlap it, and whatever came before it."""
    year = datetime.now(UTC).year
    dates = (
        *("2020", "2020-06", "2020-06-15", "2020-06-15", "../2019", "2021-01-01", "2021-01-02"),
        *("2018-03", "2022-01-01T12:00:00+01:00", "../2022-06", f"{year + 2}-01", "2021-07"),
    )
    stances = ("support", "oppose", "neutral", "conditional_support")
    for n, date in enumerate(dates):
        stance = stances[n % len(stances)]
        condition = "If they leave." if stance == "conditional_support" else None
        body = bodies.position(stance=stance, condition=condition, effective=date)
        bodies.post(client, "/v1/positions", body)
    events = [event["data"] for event in feed()]
    assert len(dates) == len(events)
    for data in events:
        size = data["entry"]["seq"] + 1
        steps = bodies.get(client, "/v1/changes", known_size=size)["items"]
        (step,) = (step for step in steps if step["id"] == data["id"])
        names = (
            *("kind", "change_size", "late", "certainty", "announced"),
            *("effective_latest", "actor_label", "topic_label"),
        )
        assert {name: step[name] for name in names} == {name: data[name] for name in names}
        assert (step["previous"] or {}).get("stance") == data["previous_stance"]
        assert (step["certainty"], step["announced"]) == (
            data["change"]["certainty"],
            data["change"]["announced"],
        )
    assert {"definite", "possible"} == {data["certainty"] for data in events}
    assert {True, False} == {data["announced"] for data in events}
