"""Dates ahead: a statement of the future is refused, a position may be announced."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Client

from onrecord.domain import decisions
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
    summary, printed = run_import(client, tmp_path)
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
