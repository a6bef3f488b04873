"""What do the worker's tasks do for each projection, and for those that come after them?

The tasks are called here as functions; that they arrive is tested with real brokers in `e2e`.
"""

from collections.abc import Callable

import psycopg
import pytest
from celery import Celery
from sqlalchemy import text
from structlog.testing import capture_logs

from onrecord.domain.events import ActorRegistered, TopicRegistered
from onrecord.kit import celery
from onrecord.projections.actors import ACTORS
from onrecord.projections.engine import parts
from onrecord.projections.engine import rebuild as rebuilding
from onrecord.projections.registry import PROJECTIONS
from onrecord.projections.tasks import BUILD, CATCH_UP, SWEEP, register
from tests.support.histories import registration
from tests.support.record import Record

Tasks = Callable[..., Celery]


@pytest.fixture
def tasks(on_record: Record) -> Tasks:
    def made(*then: Callable[[], object]) -> Celery:
        app = celery.create_celery("memory://")
        register(app, on_record.engine, then=then)
        return app

    return made


def test_what_comes_after_the_projections_is_called_each_time_and_harms_nobody(
    on_record: Record, tasks: Tasks
) -> None:
    seen: list[dict[str, int]] = []

    def broken() -> None:
        raise ValueError("I am broken")

    app = tasks(broken, lambda: seen.append(on_record.sizes()))
    on_record.append(registration(ActorRegistered(id="anna", kind="person")))
    for name in (CATCH_UP, SWEEP):
        app.tasks[name]()
    level = {one.name: 1 for one in PROJECTIONS}
    assert [level, level] == seen


def test_a_stop_is_logged_once_without_a_word_of_the_event_and_holds_up_no_other(
    on_record: Record, tasks: Tasks
) -> None:
    names = [{"name": "the secret name", "lang": "en"}]
    beth = ActorRegistered.model_validate({"id": "beth", "kind": "person", "names": names})
    on_record.append(registration(beth), registration(TopicRegistered(id="talks")))
    with psycopg.connect(on_record.url, autocommit=True) as conn:
        conn.execute("ALTER TABLE projections.actors ADD CONSTRAINT no_beth CHECK (id <> 'beth')")
    app = tasks()
    with capture_logs() as logs:
        for _ in range(3):
            app.tasks[SWEEP]()
    behind = [one.name for one in PROJECTIONS if ACTORS.name in (one.name, *one.after)]
    assert {one.name: 0 if one.name in behind else 2 for one in PROJECTIONS} == on_record.sizes()
    first, log = logs
    assert "CheckViolation: actors, no_beth" == first["reason"]
    event = on_record.events()[0].id
    stopped = f"projection 'actors' stopped at seq 0, actor.registered {event}: CheckViolation: "
    assert f"{stopped}actors, no_beth" == log["reason"]
    assert "kit/sql/copy_in.py" in log["traceback"]
    assert "secret" not in str(logs)


def test_workers_finish_a_rebuild_whose_command_is_gone(on_record: Record, tasks: Tasks) -> None:
    on_record.append(registration(ActorRegistered(id="anna", kind="person")))
    on_record.catch_up()
    with on_record.engine.begin() as conn:
        rebuilding._next(conn, ACTORS)
    app = tasks()
    with app.connection_for_write() as broker:
        broker.SimpleQueue(celery.QUEUE).clear()  # other tests of this process rang there too
        app.tasks[SWEEP]()
        rung = 0
        while message := broker.SimpleQueue(celery.QUEUE).queue.get():
            assert BUILD == message.headers["task"]
            rung += 1
    assert parts.PARTS == rung
    app.tasks[BUILD]()
    with on_record.engine.connect() as conn:
        there = text("SELECT generation, live FROM projections.checkpoints WHERE name = 'actors'")
        assert [(2, True)] == [tuple(row) for row in conn.execute(there)]
    assert "nothing" == rebuilding.build(on_record.engine, ACTORS)
