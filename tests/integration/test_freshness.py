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
from tests.support.store import Store
from tests.support.webhooks import run_sql

POSITION = "/v1/actors/emma/topics/talks/position"


@pytest.fixture
def sweep(store: Store) -> Callable[[], None]:
    """A sweep, as the worker runs it."""
    app = celery.create_celery("memory://")
    register_projection_tasks(app, store.engine)
    task: Callable[[], None] = app.tasks[SWEEP]
    return task


def let_time_pass(store: Store, time: timedelta) -> None:
    """Set back the times at which projections moved and sweeps found them complete."""
    ago = f"interval '{time.total_seconds()} seconds'"
    run_sql(store.url, f"UPDATE projections.checkpoints SET moved_at = moved_at - {ago}")
    run_sql(store.url, f"UPDATE projections.sweeps SET complete_at = complete_at - {ago}")


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
    let_time_pass(store, STALLED_AFTER + timedelta(seconds=1))
    ready = client.get("/readyz")
    assert 503 == ready.status_code
    detail = ready.json()["checks"]["projections"]["detail"]
    assert all("not kept up to date" in detail[projection.name] for projection in PROJECTIONS)
    items = client.get("/v1/projections").json()["items"]
    assert {"stalled"} == {item["state"] for item in items}
    diagnoses = [
        diagnosis
        for diagnosis in doctor._diagnose_database(store.url)
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
        let_time_pass(store, STALLED_AFTER + timedelta(seconds=1))
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
    let_time_pass(store, -timedelta(seconds=10))
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


def test_a_sweep_is_not_complete_while_an_entry_cannot_be_folded(
    store: Store, sweep: Callable[[], None]
) -> None:
    sweep()
    before = complete_at(store)
    store.append(registration(ActorRegistered(id="beth", kind="person")))
    run_sql(store.url, "ALTER TABLE projections.actors ADD CONSTRAINT no_beth CHECK (id <> 'beth')")
    sweep()
    assert before == complete_at(store)
