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
from tests.support.record import Record

Sql = Callable[[str], None]


@pytest.fixture
def sql(on_record: Record) -> Sql:
    def run(text: str) -> None:
        with psycopg.connect(on_record.url, autocommit=True) as conn:
            conn.execute(text.encode())

    return run


def register(on_record: Record, *slugs: str) -> None:
    for slug in slugs:
        on_record.append(registration(ActorRegistered(id=slug, kind="person")))


def of_actors(client: Client) -> dict[str, Any]:
    items = client.get("/v1/projections").json()["items"]
    assert [one.name for one in PROJECTIONS] == [one["name"] for one in items]
    return next(one for one in items if one["name"] == "actors")


def examined(on_record: Record) -> doctor.Diagnosis:
    found = doctor._diagnose_database(on_record.url)
    return next(one for one in found if one.subject == "projection actors")


def test_a_projection_is_live_or_behind_with_its_lag(client: Client, on_record: Record) -> None:
    register(on_record, "anna")
    on_record.catch_up()
    level = {
        "name": "actors",
        "state": "live",
        "generation": 1,
        "fold": {"built": ACTORS.fold_number, "program": ACTORS.fold_number},
        "checkpoint": 1,
        "lag": {"entries": 0, "seconds": 0.0},
        "building": None,
        "stopped": None,
    }
    assert level == of_actors(client)
    register(on_record, "beth", "cleo")
    late = of_actors(client)
    assert late["lag"]["seconds"] > 0
    lag = {"entries": 2, "seconds": late["lag"]["seconds"]}
    assert {**level, "state": "behind", "lag": lag} == late
    assert "size 1, 2 entries behind" == examined(on_record).state


def test_a_stopped_projection_names_its_event_and_is_still_read(
    client: Client, on_record: Record, sql: Sql
) -> None:
    register(on_record, "anna", "beth")
    sql("ALTER TABLE projections.actors ADD CONSTRAINT no_beth CHECK (id <> 'beth')")
    with pytest.raises(ProjectionStopped):
        on_record.catch_up(ACTORS)
    found = of_actors(client)
    event = str(on_record.events()[1].id)
    stopped = {name: found["stopped"][name] for name in ("seq", "event", "type", "error")}
    error = "CheckViolation: actors, no_beth"
    assert {"seq": 1, "event": event, "type": "actor.registered", "error": error} == stopped
    assert ("stopped", 1, 1) == (found["state"], found["checkpoint"], found["lag"]["entries"])
    told = f"stopped at seq 1, actor.registered {event}: {error}"
    ready = client.get("/readyz")
    assert (200, f"{told}: mend that; it is tried again at each sweep") == (
        ready.status_code,
        ready.json()["checks"]["projections"]["detail"]["actors"],
    )
    assert (False, told) == (examined(on_record).healthy, examined(on_record).state)


def test_a_projection_of_another_fold_number_asks_for_a_rebuild(
    client: Client, on_record: Record, sql: Sql
) -> None:
    sql("UPDATE projections.checkpoints SET fold = 999 WHERE name = 'actors'")
    found = of_actors(client)
    assert ("fold_changed", {"built": 999, "program": ACTORS.fold_number}) == (
        found["state"],
        found["fold"],
    )
    told = f"built by fold 999, this program has {ACTORS.fold_number}"
    ready = client.get("/readyz")
    assert (503, f"{told}: run `onrecord rebuild actors`") == (
        ready.status_code,
        ready.json()["checks"]["projections"]["detail"]["actors"],
    )
    finding = examined(on_record)
    assert (told, "run `onrecord rebuild actors`") == (finding.state, finding.remedy)


def test_a_projection_without_a_checkpoint_is_not_begun(
    client: Client, on_record: Record, sql: Sql
) -> None:
    sql("DELETE FROM projections.checkpoints WHERE name = 'actors'")
    assert ("not_begun", None, 0) == tuple(
        of_actors(client)[name] for name in ("state", "generation", "checkpoint")
    )
    assert "not built yet" == examined(on_record).state


def test_a_rebuild_reports_its_progress_and_pace(client: Client, on_record: Record) -> None:
    register(on_record, *(f"actor-{n}" for n in range(8)))
    on_record.catch_up()
    seen: list[Any] = []
    rebuild_projection(
        on_record.engine, ACTORS, lambda *_: seen.append(of_actors(client)["building"])
    )
    first = {name: seen[0][name] for name in ("generation", "done", "of", "parts", "stopped")}
    assert {"generation": 2, "done": 2, "of": 8, "parts": [8, 0, 0, 0], "stopped": None} == first
    assert seen[0]["entries_per_second"] > 0
    assert seen[0]["seconds_left"] is not None  # of so few entries it may be none at all
    assert None is seen[-1]
    assert 2 == of_actors(client)["generation"]
