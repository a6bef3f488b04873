"""Dates ahead: a statement of the future is refused, a position may be announced."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Client

from onrecord.domain import decisions
from onrecord.domain.dates import format_instant
from onrecord.domain.events import StatementMade
from tests.support import bodies
from tests.support.bodies import error_places, expect_problem, get, post
from tests.support.histories import request
from tests.support.imports import run_dry_run, run_import, write_lines
from tests.support.store import Store

TODAY = datetime.now(UTC)
AHEAD = f"{TODAY.year + 9}-01-01"
PAIR = "/v1/actors/emma/topics/talks"


@pytest.fixture(autouse=True)
def cast(client: Client) -> None:
    bodies.register_all(client)


def announce(client: Client, **over: Any) -> str:
    body = bodies.position(**{"basis": [], "effective": AHEAD, **over})
    return str(post(client, "/v1/positions", body)["id"])


def test_a_statement_of_the_future_is_refused_on_its_field(client: Client, store: Store) -> None:
    sourced = [bodies.evidence(published_at=AHEAD)]
    body = bodies.statement(id=str(uuid4()), said_at=AHEAD, evidence=sourced)
    problem = expect_problem(client.post("/v1/statements", json=body), 422, "future-date")
    assert ["/said_at", "/evidence/0/published_at"] == error_places(problem)
    assert str(TODAY.year) in problem["errors"][0]["message"]
    made = post(client, "/v1/statements", bodies.statement(id=str(uuid4())))["id"]
    correction = bodies.correction(bodies.statement(said_at=f"../{AHEAD}"))
    path = f"/v1/statements/{made}/corrections"
    problem = expect_problem(client.post(path, json=correction), 422, "future-date")
    assert ["/replacement/said_at"] == error_places(problem)
    (line,) = bodies.send(client, bodies.ndjson([bodies.line("statement", body.pop("id"), body)]))
    assert (422, "/body/said_at") == (line["status"], line["problem"]["errors"][0]["pointer"])
    assert 1 == sum(event.event.makes == "statement" for event in store.events())


def test_a_dry_run_refuses_a_statement_of_the_future_as_the_import_does(
    client: Client, tmp_path: Path
) -> None:
    body = bodies.statement(said_at=AHEAD)
    write_lines(tmp_path / "1.ndjson", bodies.line("statement", uuid4(), body))
    forecast, foreseen = run_dry_run(str(client.base_url), tmp_path)
    summary, printed = run_import(str(client.base_url), tmp_path)
    assert (1, foreseen) == (forecast.refused, printed)
    assert (1, True) == (summary.refused, "/body/said_at" in printed)


def test_a_statement_of_tomorrow_is_accepted_as_somewhere_it_is_tomorrow(client: Client) -> None:
    tomorrow = f"{TODAY + timedelta(hours=23):%Y-%m-%d}"
    post(client, "/v1/statements", bodies.statement(id=str(uuid4()), said_at=tomorrow))


def test_a_statement_of_the_future_on_record_is_answered_again_and_folded(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bodies.statement(said_at=AHEAD)
    id_ = uuid4()
    with monkeypatch.context() as before_the_rule:
        before_the_rule.setattr(decisions, "_FUTURE", timedelta(days=36_500))
        store.append(request(id_, StatementMade.model_validate(body)))
    again = client.post("/v1/statements", json={**body, "id": str(id_)})
    assert (200, str(id_)) == (again.status_code, again.json()["id"])
    store.catch_up()
    assert AHEAD == get(client, f"/v1/statements/{id_}")["said_at"]


def test_no_read_answers_an_announced_position_as_held_before_its_date(
    client: Client, store: Store
) -> None:
    announced = announce(client, stance="oppose")
    store.catch_up()
    assert not get(client, f"{PAIR}/position")["on_record"]
    assert [] == get(client, "/v1/actors/emma/positions")["items"]
    assert [] == get(client, "/v1/topics/talks/positions")["items"]
    held = announce(client, effective="2022")
    store.catch_up()
    now = get(client, f"{PAIR}/position")
    assert (held, "definite") == (now["id"], now["certainty"])
    for path in ("/v1/actors/emma/positions", "/v1/topics/talks/positions"):
        assert [held] == [item["id"] for item in get(client, path)["items"]]
    then = get(client, f"{PAIR}/position", as_of=AHEAD)
    assert (announced, held, "2022") == (
        then["id"],
        then["previous"]["id"],
        then["previous"]["since"],
    )


def test_a_step_is_not_late_because_another_one_is_announced(client: Client, store: Store) -> None:
    announced = announce(client)
    held = announce(client, effective="2022")
    late = announce(client, effective="2021")
    store.catch_up()
    steps = get(client, f"{PAIR}/timeline")["items"]
    assert [(late, True), (held, False), (announced, False)] == [
        (step["id"], step["late"]) for step in steps
    ]


def test_an_announced_position_is_marked_and_has_the_bounds_of_its_date(
    client: Client, store: Store
) -> None:
    announced = announce(client)
    held = announce(client, effective="../2022-12-02")
    store.catch_up()
    for path in ("/v1/changes?by=valid", "/v1/changes"):
        steps = {step["id"]: step for step in get(client, path)["items"]}
        assert {announced: True, held: False} == {
            id_: step["announced"] for id_, step in steps.items()
        }
        assert (None, "2022-12-02T23:59:59.999999Z") == (
            steps[held]["effective_earliest"],
            steps[held]["effective_latest"],
        )
        assert f"{AHEAD}T00:00:00.000000Z" == steps[announced]["effective_earliest"]
    assert get(client, f"{PAIR}/position")["announced"] is False
    ahead = get(client, f"{PAIR}/position", as_of=AHEAD)
    assert (announced, True) == (ahead["id"], ahead["announced"])
    recorded = f"{TODAY.day} {TODAY:%B %Y}"
    assert f", as announced by {recorded} (onrecord" in ahead["cite"]


def test_statements_have_the_bounds_of_their_dates(client: Client, store: Store) -> None:
    said: dict[str, tuple[str | None, str]] = {}
    said["2022-12"] = ("2022-12-01T00:00:00.000000Z", "2022-12-31T23:59:59.999999Z")
    said["../2022-11-30"] = (None, "2022-11-30T23:59:59.999999Z")
    said["2022-11-30T12:30:00+01:00"] = ("2022-11-30T11:30:00.000000Z",) * 2
    ids = [
        post(client, "/v1/statements", bodies.statement(id=str(uuid4()), said_at=date))["id"]
        for date in said
    ]
    announce(client, effective="2022", basis=ids)
    store.catch_up()
    single = [get(client, f"/v1/statements/{id_}") for id_ in ids]
    listed = get(client, "/v1/statements")["items"]
    of_position = get(client, f"{PAIR}/position")["statements"]
    for statements in (single, listed, of_position):
        assert said == {
            statement["said_at"]: (statement["said_earliest"], statement["said_latest"])
            for statement in statements
        }


def test_what_becomes_effective_at_the_moment_of_writing_is_held_at_once(
    client: Client, store: Store
) -> None:
    now = format_instant(datetime.now(UTC))
    written = post(client, "/v1/positions", bodies.position(effective=now, basis=[]))
    store.catch_up()
    answer = get(client, f"/v1/actors/emma/topics/talks/position?min_size={written['size']}")
    assert written["id"] == answer["id"]


def test_a_citation_as_of_a_date_ahead_says_that_it_lies_ahead(
    client: Client, store: Store
) -> None:
    post(client, "/v1/positions", bodies.position(effective="2021", basis=[]))
    store.catch_up()
    cite = get(client, "/v1/actors/emma/topics/talks/position?as_of=9998-01-01")["cite"]
    assert cite.startswith("As of 1 January 9998, which lies ahead, Emma ")
