"""Is it told how far each projection is, what is being built, and where one stands still?"""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from httpx2 import Client

from onrecord.domain.events import ActorRegistered
from onrecord.entrypoints.commands import doctor
from onrecord.projections.actors import ACTORS
from onrecord.projections.engine.catch_up import catch_up
from onrecord.projections.engine.poison import Stopped
from onrecord.projections.engine.rebuild import rebuild
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


def test_one_that_is_level_and_one_that_is_behind(client: Client, on_record: Record) -> None:
    register(on_record, "anna")
    on_record.catch_up()
    level = {
        "name": "actors",
        "state": "live",
        "generation": 1,
        "fold": {"built": ACTORS.number, "program": ACTORS.number},
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


def test_one_that_stopped_names_the_event_and_is_still_read(
    client: Client, on_record: Record, sql: Sql
) -> None:
    register(on_record, "anna", "beth")
    sql("ALTER TABLE projections.actors ADD CONSTRAINT no_beth CHECK (id <> 'beth')")
    with pytest.raises(Stopped):
        catch_up(on_record.engine, ACTORS)
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


def test_one_that_another_fold_built_is_not_folded_on_and_says_so(
    client: Client, on_record: Record, sql: Sql
) -> None:
    sql("UPDATE projections.checkpoints SET fold = 999 WHERE name = 'actors'")
    found = of_actors(client)
    assert ("fold_changed", {"built": 999, "program": ACTORS.number}) == (
        found["state"],
        found["fold"],
    )
    told = f"built by fold 999, this program has {ACTORS.number}"
    ready = client.get("/readyz")
    assert (503, f"{told}: run `onrecord rebuild actors`") == (
        ready.status_code,
        ready.json()["checks"]["projections"]["detail"]["actors"],
    )
    finding = examined(on_record)
    assert (told, "run `onrecord rebuild actors`") == (finding.state, finding.remedy)


def test_one_that_was_never_begun(client: Client, on_record: Record, sql: Sql) -> None:
    sql("DELETE FROM projections.checkpoints WHERE name = 'actors'")
    assert ("not_begun", None, 0) == tuple(
        of_actors(client)[name] for name in ("state", "generation", "checkpoint")
    )
    assert "not built yet" == examined(on_record).state


def test_what_a_rebuild_has_built_so_far(client: Client, on_record: Record) -> None:
    register(on_record, *(f"actor-{n}" for n in range(8)))
    on_record.catch_up()
    seen: list[Any] = []
    rebuild(on_record.engine, ACTORS, lambda *_: seen.append(of_actors(client)["building"]))
    first = {name: seen[0][name] for name in ("generation", "done", "of", "parts", "stopped")}
    assert {"generation": 2, "done": 2, "of": 8, "parts": [8, 0, 0, 0], "stopped": None} == first
    assert seen[0]["entries_per_second"] > 0
    assert seen[0]["seconds_left"] is not None  # of so few entries it may be none at all
    assert None is seen[-1]
    assert 2 == of_actors(client)["generation"]
