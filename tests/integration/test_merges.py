"""Merged actors: they share a timeline from the merge to the unmerge."""

from typing import Any

import pytest
from httpx2 import Client

from onrecord.audit.replay import replay_ledger
from onrecord.kit.sql import db
from tests.support import bodies
from tests.support.store import Store
from tests.support.webhooks import create_endpoint

EMMA, MINISTRY = "/v1/actors/emma", "/v1/actors/ministry"


@pytest.fixture(autouse=True)
def registered(client: Client) -> None:
    bodies.register_all(client)


def merge(client: Client, actor: str, into: str) -> dict[str, Any]:
    return bodies.post(client, f"/v1/actors/{actor}/merge", {"into": into, "reason": "One."})


def record_position(client: Client, actor: str, **over: Any) -> str:
    body = bodies.position(actor=actor, topic="talks", basis=[], **over)
    return str(bodies.post(client, "/v1/positions", body)["id"])


def timeline_rows(client: Client, actor: str, **params: Any) -> list[tuple[Any, ...]]:
    path = f"/v1/actors/{actor}/topics/talks/timeline"
    fields = ("actor", "recorded_as", "stance", "kind", "since")
    items = bodies.get(client, path, **params)["items"]
    return [tuple(item[name] for name in fields) for item in items]


def test_a_merge_joins_two_timelines_and_an_unmerge_parts_them_at_their_sizes(
    client: Client, store: Store
) -> None:
    record_position(client, "emma", stance="support", effective="2020")
    record_position(client, "ministry", stance="oppose", effective="2021")
    record_position(client, "emma", stance="support", effective="2022")
    merged = merge(client, "emma", "ministry")
    undone = bodies.post(client, f"{EMMA}/unmerge", {"reason": "Two after all."})
    store.catch_up()
    apart = [
        ("emma", "emma", "support", "adopted", "2020"),
        ("emma", "emma", "support", "reaffirmed", "2020"),
    ]
    joined = [
        ("ministry", "emma", "support", "adopted", "2020"),
        ("ministry", "ministry", "oppose", "reversed", "2021"),
        ("ministry", "emma", "support", "reversed", "2022"),
    ]
    assert apart == timeline_rows(client, "emma", known_size=merged["size"] - 1)
    for actor in ("emma", "ministry"):
        assert joined == timeline_rows(client, actor, known_size=merged["size"])
    assert apart == timeline_rows(client, "emma", known_size=undone["size"])
    assert [("ministry", "ministry", "oppose", "adopted", "2021")] == timeline_rows(
        client, "ministry"
    )


def test_a_merged_actor_keeps_its_record_and_names_its_target(client: Client, store: Store) -> None:
    size = merge(client, "emma", "ministry")["size"]
    store.catch_up()
    assert "ministry" == bodies.get(client, EMMA)["merged_into"]
    assert bodies.get(client, MINISTRY)["merged_into"] is None
    assert bodies.get(client, EMMA, known_size=size - 1)["merged_into"] is None
    listed = bodies.get(client, "/v1/actors")["items"]
    assert [("emma", "ministry"), ("ministry", None), ("spokesman", None)] == [
        (item["id"], item["merged_into"]) for item in listed
    ]


def test_statements_of_a_merged_actor_are_listed_under_its_target(
    client: Client, store: Store
) -> None:
    statement_id = bodies.post(client, "/v1/statements", bodies.statement())["id"]
    merge(client, "emma", "ministry")
    store.catch_up()
    for actor in ("emma", "ministry"):
        items = bodies.get(client, "/v1/statements", actor=actor)["items"]
        assert [statement_id] == [item["id"] for item in items]


def test_a_chain_of_merges_is_followed_to_its_end(client: Client, store: Store) -> None:
    record_position(client, "emma", effective="2020")
    merge(client, "emma", "ministry")
    merge(client, "ministry", "spokesman")
    store.catch_up()
    assert ["spokesman"] == [row[0] for row in timeline_rows(client, "emma")]
    bodies.post(client, f"{MINISTRY}/unmerge", {"reason": "Two."})
    store.catch_up()
    assert ["ministry"] == [row[0] for row in timeline_rows(client, "emma")]
    assert [] == timeline_rows(client, "spokesman")


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "pointer"),
    [
        (f"{MINISTRY}/merge", {"into": "emma"}, 409, "merged", "/into"),
        ("/v1/actors/spokesman/merge", {"into": "emma"}, 409, "merged", "/into"),
        (f"{EMMA}/merge", {"into": "spokesman"}, 409, "merged", None),
        ("/v1/actors/spokesman/merge", {"into": "spokesman"}, 422, "self-reference", "/into"),
        ("/v1/actors/spokesman/merge", {"into": "nobody"}, 422, "unknown-reference", "/into"),
        ("/v1/actors/nobody/merge", {"into": "spokesman"}, 404, "unknown-target", None),
        ("/v1/actors/spokesman/unmerge", {}, 409, "not-merged", None),
        (f"{EMMA}/revision", {"kind": "person"}, 409, "merged", None),
    ],
)
def test_merges_that_form_a_cycle_or_lead_nowhere_are_refused(
    client: Client,
    store: Store,
    path: str,
    body: dict[str, Any],
    status: int,
    code: str,
    pointer: str | None,
) -> None:
    merge(client, "emma", "ministry")
    size = bodies.ledger_size(store.url)
    reason = {} if "kind" in body else {"reason": "Because."}
    problem = bodies.expect_problem(client.post(path, json={**body, **reason}), status, code)
    assert ([pointer] if pointer else []) == bodies.error_places(problem)
    assert size == bodies.ledger_size(store.url)


def test_a_revision_is_that_of_one_actor_whom_the_answers_name(
    client: Client, store: Store
) -> None:
    for actor, years in (("emma", ("2020", "2021", "2022")), ("ministry", ("2023",))):
        for year in years:
            record_position(client, actor, effective=year)
    merge(client, "emma", "ministry")
    store.catch_up()
    answer = bodies.get(client, f"{EMMA}/topics/talks/position")
    fields = ("actor", "revision_of", "revision")
    assert ("ministry", "ministry", 1) == tuple(answer[name] for name in fields)
    for actor, revision, merged in (("emma", 3, {"merged_into": "ministry"}), ("ministry", 1, {})):
        body = bodies.position(actor=actor, topic="talks", basis=[], expected_revision=9)
        problem = bodies.expect_problem(
            client.post("/v1/positions", json=body), 409, "revision-conflict"
        )
        details = {"actor": actor, "topic": "talks", "current_revision": revision, **merged}
        names = ("actor", "topic", "current_revision", "merged_into")
        assert details == {name: problem[name] for name in names if name in problem}
    record_position(client, "emma", expected_revision=3)
    record_position(client, "ministry", expected_revision=1)


def test_a_second_merge_gives_the_same_row_in_one_page_or_in_several(
    client: Client, store: Store
) -> None:
    merge(client, "emma", "ministry")
    bodies.post(client, f"{EMMA}/unmerge", {"reason": "Two after all."})
    store.catch_up()
    merge(client, "emma", "ministry")
    store.catch_up()
    audit_engine = db.engine(store.url, role="onrecord_audit")
    assert [] == [
        table for table in replay_ledger(audit_engine, lambda *_: None).tables if table.unequal
    ]
    audit_engine.dispose()


def test_the_feed_has_no_next_page_after_the_last_event_of_an_unmerged_actor(
    client: Client, store: Store
) -> None:
    """The events of an actor that was merged with it for a time are looked at, and do not pass."""
    endpoint = create_endpoint(client, "https://hooks.example/in", actors=["emma"])
    merge(client, "emma", "ministry")
    bodies.post(client, f"{EMMA}/unmerge", {"reason": "Two after all."})
    for year in range(2000, 2010):
        record_position(client, "ministry", effective=str(year))
    store.catch_up()
    path = f"/v1/endpoints/{endpoint['id']}/feed"
    pages = [bodies.get(client, path, limit=limit) for limit in (1, 2, 3)]
    assert [1, 2, 2] == [len(page["items"]) for page in pages]
    assert [str, None, None] == [page["next"] and type(page["next"]) for page in pages]
