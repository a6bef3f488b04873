"""Do two records of one actor read as one from a merge on, and as two again from its end?"""

from typing import Any

import pytest
from httpx2 import Client

from onrecord.audit.replay import replay
from onrecord.kit.sql import db
from tests.support import bodies
from tests.support.record import Record

EMMA, MINISTRY = "/v1/actors/emma", "/v1/actors/ministry"


@pytest.fixture(autouse=True)
def cast(client: Client) -> None:
    bodies.register_all(client)


def merge(client: Client, actor: str, into: str) -> dict[str, Any]:
    return bodies.post(client, f"/v1/actors/{actor}/merge", {"into": into, "reason": "One."})


def holds(client: Client, actor: str, **over: Any) -> str:
    body = bodies.position(actor=actor, topic="talks", basis=[], **over)
    return str(bodies.post(client, "/v1/positions", body)["id"])


def line(client: Client, actor: str, **params: Any) -> list[tuple[Any, ...]]:
    path = f"/v1/actors/{actor}/topics/talks/timeline"
    shown = ("actor", "recorded_as", "stance", "kind", "since")
    items = bodies.get(client, path, **params)["items"]
    return [tuple(one[name] for name in shown) for one in items]


def test_a_merge_makes_one_line_of_two_and_an_unmerge_two_of_one_each_at_its_sizes(
    client: Client, on_record: Record
) -> None:
    holds(client, "emma", stance="support", effective="2020")
    holds(client, "ministry", stance="oppose", effective="2021")
    holds(client, "emma", stance="support", effective="2022")
    merged = merge(client, "emma", "ministry")
    undone = bodies.post(client, f"{EMMA}/unmerge", {"reason": "Two after all."})
    on_record.catch_up()
    apart = [
        ("emma", "emma", "support", "adopted", "2020"),
        ("emma", "emma", "support", "reaffirmed", "2020"),
    ]
    joined = [
        ("ministry", "emma", "support", "adopted", "2020"),
        ("ministry", "ministry", "oppose", "reversed", "2021"),
        ("ministry", "emma", "support", "reversed", "2022"),
    ]
    assert apart == line(client, "emma", known_size=merged["size"] - 1)
    for actor in ("emma", "ministry"):
        assert joined == line(client, actor, known_size=merged["size"])
    assert apart == line(client, "emma", known_size=undone["size"])
    assert [("ministry", "ministry", "oppose", "adopted", "2021")] == line(client, "ministry")


def test_a_merged_actor_keeps_its_own_record_and_says_whom_it_means(
    client: Client, on_record: Record
) -> None:
    size = merge(client, "emma", "ministry")["size"]
    on_record.catch_up()
    assert "ministry" == bodies.get(client, EMMA)["merged_into"]
    assert bodies.get(client, MINISTRY)["merged_into"] is None
    assert bodies.get(client, EMMA, known_size=size - 1)["merged_into"] is None
    listed = bodies.get(client, "/v1/actors")["items"]
    assert [("emma", "ministry"), ("ministry", None), ("spokesman", None)] == [
        (one["id"], one["merged_into"]) for one in listed
    ]


def test_statements_of_a_merged_actor_are_found_under_whom_it_means(
    client: Client, on_record: Record
) -> None:
    said = bodies.post(client, "/v1/statements", bodies.statement())["id"]
    merge(client, "emma", "ministry")
    on_record.catch_up()
    for actor in ("emma", "ministry"):
        found = bodies.get(client, "/v1/statements", actor=actor)["items"]
        assert [said] == [one["id"] for one in found]


def test_a_merge_through_another_is_followed_to_its_end(client: Client, on_record: Record) -> None:
    holds(client, "emma", effective="2020")
    merge(client, "emma", "ministry")
    merge(client, "ministry", "spokesman")
    on_record.catch_up()
    assert ["spokesman"] == [one[0] for one in line(client, "emma")]
    bodies.post(client, f"{MINISTRY}/unmerge", {"reason": "Two."})
    on_record.catch_up()
    assert ["ministry"] == [one[0] for one in line(client, "emma")]
    assert [] == line(client, "spokesman")


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
def test_what_would_lead_in_a_circle_or_nowhere_is_refused(
    client: Client,
    on_record: Record,
    path: str,
    body: dict[str, Any],
    status: int,
    code: str,
    pointer: str | None,
) -> None:
    merge(client, "emma", "ministry")
    size = bodies.ledger_size(on_record.url)
    reason = {} if "kind" in body else {"reason": "Because."}
    problem = bodies.expect_problem(client.post(path, json={**body, **reason}), status, code)
    assert ([pointer] if pointer else []) == bodies.error_places(problem)
    assert size == bodies.ledger_size(on_record.url)


def test_a_second_merge_is_the_same_row_however_the_record_is_cut_into_pages(
    client: Client, on_record: Record
) -> None:
    merge(client, "emma", "ministry")
    bodies.post(client, f"{EMMA}/unmerge", {"reason": "Two after all."})
    on_record.catch_up()
    merge(client, "emma", "ministry")
    on_record.catch_up()
    auditing = db.engine(on_record.url, role="onrecord_audit")
    assert [] == [one for one in replay(auditing, lambda *_: None).tables if one.unequal]
    auditing.dispose()
