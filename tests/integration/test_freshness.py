"""Freshness: stalled projections are reported, and provisional answers end on a quiet record."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from httpx2 import Client

from onrecord.domain.events import ActorRegistered
from onrecord.entrypoints.commands import doctor
from onrecord.kit import celery
from onrecord.ledger.append import LOCK_KEY
from onrecord.projections.freshness import STALLED_AFTER
from onrecord.projections.registry import PROJECTIONS
from onrecord.projections.tasks import SWEEP, register_projection_tasks
from tests.support.bodies import register_all
from tests.support.histories import registration
from tests.support.store import Store, run_api
from tests.support.webhooks import run_sql

POSITION = "/v1/actors/emma/topics/talks/position"


@pytest.fixture
def sweep(store: Store) -> Callable[[], None]:
    """A sweep, as the worker runs it."""
    app = celery.create_celery("memory://")
    register_projection_tasks(app, store.engine)
    task: Callable[[], None] = app.tasks[SWEEP]
    return task


def let_time_pass(store: Store, *, sweeping: bool = False) -> None:
    """Set times back, as if more than `STALLED_AFTER` had passed, with sweeps or without."""
    ago = f"interval '{STALLED_AFTER.total_seconds() + 1} seconds'"
    for table in ("projections.checkpoints", "webhooks.checkpoints"):
        run_sql(store.url, f"UPDATE {table} SET moved_at = moved_at - {ago}")
    run_sql(
        store.url,
        "UPDATE projections.sweeps SET waiting = (SELECT coalesce(jsonb_object_agg("
        f"key, CAST(value AS timestamptz) - {ago}), '{{}}') FROM jsonb_each_text(waiting))",
    )
    if not sweeping:
        run_sql(store.url, f"UPDATE projections.sweeps SET at = at - {ago}")


def complete_at(store: Store) -> Any:
    with psycopg.connect(store.url) as conn:
        row = conn.execute("SELECT complete_at FROM projections.sweeps").fetchone()
    assert row
    return row[0]


def test_stalled_projections_are_reported_until_the_next_sweep(
    client: Client, store: Store, sweep: Callable[[], None]
) -> None:
    register_all(client)
    sweep()
    assert 200 == client.get("/readyz").status_code
    let_time_pass(store)
    ready = client.get("/readyz")
    assert 503 == ready.status_code
    detail = ready.json()["checks"]["projections"]["detail"]
    assert all("not kept up to date" in detail[projection.name] for projection in PROJECTIONS)
    items = client.get("/v1/projections").json()["items"]
    assert {"stalled"} == {item["state"] for item in items}
    diagnoses = [
        diagnosis
        for diagnosis in doctor.diagnose_database(store.url)
        if diagnosis.subject.startswith("projection ")
    ]
    assert len(PROJECTIONS) == len(diagnoses)
    assert not any(diagnosis.healthy for diagnosis in diagnoses)
    assert all("start a worker and beat" in diagnosis.remedy for diagnosis in diagnoses)
    sweep()
    assert 200 == client.get("/readyz").status_code
    items = client.get("/v1/projections").json()["items"]
    assert {"live"} == {item["state"] for item in items}


@pytest.mark.parametrize("stalled", [False, True])
def test_newest_answers_are_provisional_while_projections_are_stalled(
    client: Client, store: Store, sweep: Callable[[], None], stalled: bool
) -> None:
    register_all(client)
    sweep()
    if stalled:
        let_time_pass(store)
    paths = (POSITION, "/v1/actors", "/v1/changes", "/v1/review")
    for path in paths:
        assert stalled is client.get(path).json()["known"]["provisional"], path
        size = {"known_size": 1}
        assert not client.get(path, params=size).json().get("known", {}).get("provisional"), path


def test_a_known_at_is_provisional_until_a_sweep_found_everything_folded_after_it(
    client: Client, store: Store, sweep: Callable[[], None]
) -> None:
    register_all(client)
    store.catch_up()
    known_at = {"known_at": (datetime.now(UTC) + timedelta(seconds=1)).isoformat()}
    assert client.get(POSITION, params=known_at).json()["known"]["provisional"]
    sweep()
    assert client.get(POSITION, params=known_at).json()["known"]["provisional"]
    later = "UPDATE projections.sweeps SET complete_at = complete_at + interval '62 seconds'"
    run_sql(store.url, later)
    assert not client.get(POSITION, params=known_at).json()["known"]["provisional"]


def test_a_sweep_is_not_complete_while_a_writer_is_about_to_commit(
    store: Store, sweep: Callable[[], None]
) -> None:
    with psycopg.connect(store.url) as writer:
        writer.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
        sweep()
        assert complete_at(store) is None
    sweep()
    assert complete_at(store) is not None


def stop_actors(store: Store) -> None:
    """Record an actor at which the projection of actors stops."""
    store.append(registration(ActorRegistered(id="beth", kind="person")))
    run_sql(store.url, "ALTER TABLE projections.actors ADD CONSTRAINT no_beth CHECK (id <> 'beth')")


def test_a_stopped_projection_makes_only_the_answers_that_need_it_provisional(
    client: Client, store: Store, sweep: Callable[[], None]
) -> None:
    register_all(client)
    sweep()
    stop_actors(store)
    sweep()
    let_time_pass(store, sweeping=True)
    states = {item["name"]: item["state"] for item in client.get("/v1/projections").json()["items"]}
    assert {"actors": "stopped", "changes": "stalled"} == {
        name: state for name, state in states.items() if state != "live"
    }
    provisional = {
        path: client.get(path).json()["known"]["provisional"]
        for path in ("/v1/topics", "/v1/actors", POSITION)
    }
    assert {"/v1/topics": False, "/v1/actors": True, POSITION: True} == provisional
    assert complete_at(store) is not None


def test_a_quiet_record_is_not_stalled(
    client: Client, store: Store, sweep: Callable[[], None]
) -> None:
    register_all(client)
    sweep()
    let_time_pass(store, sweeping=True)
    store.append(registration(ActorRegistered(id="beth", kind="person")))  # not folded yet
    assert 200 == client.get("/readyz").status_code
    assert not client.get(POSITION).json()["known"]["provisional"]


def test_writes_that_are_only_repeated_do_not_make_projections_stalled(
    client: Client, store: Store, sweep: Callable[[], None]
) -> None:
    register_all(client)
    sweep()
    let_time_pass(store)
    with psycopg.connect(store.url) as writer:
        writer.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY])
        sweep()
    assert 200 == client.get("/readyz").status_code


def test_an_etag_changes_when_an_answer_becomes_provisional(
    client: Client, store: Store, sweep: Callable[[], None]
) -> None:
    register_all(client)
    sweep()
    final = client.get("/v1/topics").headers["ETag"]
    let_time_pass(store)
    with run_api(store.url) as another:  # whose monitor has not checked yet
        answer = another.get("/v1/topics", headers={"If-None-Match": final})
    assert (200, True) == (answer.status_code, answer.json()["known"]["provisional"])


def test_a_fan_out_that_stands_still_is_reported(
    client: Client, store: Store, sweep: Callable[[], None]
) -> None:
    register_all(client)
    sweep()
    assert 200 == client.get("/readyz").status_code
    ago = f"interval '{STALLED_AFTER.total_seconds() + 1} seconds'"
    run_sql(store.url, f"UPDATE webhooks.checkpoints SET moved_at = moved_at - {ago}")
    run_sql(store.url, f"UPDATE projections.clock SET recorded_at = recorded_at - {ago}")
    ready = client.get("/readyz")
    assert (503, True) == (
        ready.status_code,
        ready.json()["checks"]["webhooks"]["detail"]["stalled"],
    )
    diagnoses = {found.subject: found for found in doctor.diagnose_database(store.url)}
    assert not diagnoses["fan-out of webhooks"].healthy
    store.fan_out()
    assert 200 == client.get("/readyz").status_code
