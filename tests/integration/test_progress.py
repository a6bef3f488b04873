"""The status of projections in `/v1/projections`, `/readyz` and `onrecord doctor`."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from httpx2 import Client

from onrecord.domain.events import ActorRegistered
from onrecord.entrypoints.commands import doctor
from onrecord.projections.actors import ACTORS
from onrecord.projections.engine.poison import ProjectionStopped
from onrecord.projections.engine.rebuild import rebuild_projection
from onrecord.projections.registry import PROJECTIONS
from tests.support.histories import registration
from tests.support.store import Store

Sql = Callable[[str], None]


@pytest.fixture
def sql(store: Store) -> Sql:
    def run(text: str) -> None:
        with psycopg.connect(store.url, autocommit=True) as conn:
            conn.execute(text.encode())

    return run


def register(store: Store, *slugs: str) -> None:
    for slug in slugs:
        store.append(registration(ActorRegistered(id=slug, kind="person")))


def actors_status(client: Client) -> dict[str, Any]:
    items = client.get("/v1/projections").json()["items"]
    assert [projection.name for projection in PROJECTIONS] == [item["name"] for item in items]
    return next(item for item in items if item["name"] == "actors")


def diagnose_actors(store: Store) -> doctor.Diagnosis:
    findings = doctor.diagnose_database(store.url)
    return next(finding for finding in findings if finding.subject == "projection actors")


def test_a_projection_is_live_or_behind_with_its_lag(client: Client, store: Store) -> None:
    register(store, "anna")
    store.catch_up()
    caught_up = {
        "name": "actors",
        "state": "live",
        "generation": 1,
        "fold": {"built": ACTORS.fold_number, "program": ACTORS.fold_number},
        "checkpoint": 1,
        "lag": {"entries": 0, "seconds": 0.0},
        "building": None,
        "stopped": None,
    }
    assert caught_up == actors_status(client)
    register(store, "beth", "cleo")
    behind = actors_status(client)
    assert behind["lag"]["seconds"] > 0
    lag = {"entries": 2, "seconds": behind["lag"]["seconds"]}
    assert {**caught_up, "state": "behind", "lag": lag} == behind
    assert "size 1, 2 entries behind" == diagnose_actors(store).state


def test_a_stopped_projection_names_its_event_and_is_still_read(
    client: Client, store: Store, sql: Sql
) -> None:
    register(store, "anna", "beth")
    sql("ALTER TABLE projections.actors ADD CONSTRAINT no_beth CHECK (id <> 'beth')")
    with pytest.raises(ProjectionStopped):
        store.catch_up(ACTORS)
    status = actors_status(client)
    event = str(store.events()[1].id)
    stopped = {name: status["stopped"][name] for name in ("seq", "event", "type", "error")}
    error = "CheckViolation: actors, no_beth"
    assert {"seq": 1, "event": event, "type": "actor.registered", "error": error} == stopped
    assert ("stopped", 1, 1) == (status["state"], status["checkpoint"], status["lag"]["entries"])
    message = f"stopped at seq 1, actor.registered {event}: {error}"
    ready = client.get("/readyz")
    assert (503, f"{message}: mend that; it is tried again at each sweep") == (
        ready.status_code,
        ready.json()["checks"]["projections"]["detail"]["actors"],
    )
    assert (False, message) == (diagnose_actors(store).healthy, diagnose_actors(store).state)


def test_a_projection_of_another_fold_number_asks_for_a_rebuild(
    client: Client, store: Store, sql: Sql
) -> None:
    sql("UPDATE projections.checkpoints SET fold = 999 WHERE name = 'actors'")
    status = actors_status(client)
    assert ("fold_changed", {"built": 999, "program": ACTORS.fold_number}) == (
        status["state"],
        status["fold"],
    )
    message = f"built by fold 999, this program has {ACTORS.fold_number}"
    ready = client.get("/readyz")
    assert (503, f"{message}: run `onrecord rebuild actors`") == (
        ready.status_code,
        ready.json()["checks"]["projections"]["detail"]["actors"],
    )
    finding = diagnose_actors(store)
    assert (message, "run `onrecord rebuild actors`") == (finding.state, finding.remedy)


def test_a_projection_without_a_checkpoint_is_not_begun(
    client: Client, store: Store, sql: Sql
) -> None:
    sql("DELETE FROM projections.checkpoints WHERE name = 'actors'")
    assert ("not_begun", None, 0) == tuple(
        actors_status(client)[name] for name in ("state", "generation", "checkpoint")
    )
    assert "not built yet" == diagnose_actors(store).state


def test_a_rebuild_reports_its_progress_and_pace(client: Client, store: Store) -> None:
    register(store, *(f"actor-{n}" for n in range(8)))
    store.catch_up()
    reports: list[Any] = []
    rebuild_projection(
        store.engine, ACTORS, lambda *_: reports.append(actors_status(client)["building"])
    )
    first = {name: reports[0][name] for name in ("generation", "done", "of", "parts", "stopped")}
    assert {"generation": 2, "done": 2, "of": 8, "parts": [8, 0, 0, 0], "stopped": None} == first
    assert reports[0]["entries_per_second"] > 0
    assert reports[0]["seconds_left"] is not None  # of so few entries it may be none at all
    assert None is reports[-1]
    assert 2 == actors_status(client)["generation"]
