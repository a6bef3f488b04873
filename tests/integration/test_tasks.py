"""Celery tasks of the projections: folding, hooks, logs and rebuilds.

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
from onrecord.projections.engine.rebuild import begin_generation, build
from onrecord.projections.engine.rebuild_parts import PARTS
from onrecord.projections.registry import PROJECTIONS
from onrecord.projections.tasks import BUILD, CATCH_UP, SWEEP, register_projection_tasks
from tests.support.histories import registration
from tests.support.record import Record

Tasks = Callable[..., Celery]


@pytest.fixture
def tasks(on_record: Record) -> Tasks:
    def make(*hooks: Callable[[], object]) -> Celery:
        app = celery.create_celery("memory://")
        register_projection_tasks(app, on_record.engine, after_hooks=hooks)
        return app

    return make


def test_hooks_run_after_each_catching_up_and_a_failing_hook_disturbs_no_other(
    on_record: Record, tasks: Tasks
) -> None:
    seen: list[dict[str, int]] = []

    def broken() -> None:
        raise ValueError("I am broken")

    app = tasks(broken, lambda: seen.append(on_record.sizes()))
    on_record.append(registration(ActorRegistered(id="anna", kind="person")))
    for name in (CATCH_UP, SWEEP):
        app.tasks[name]()
    level = {projection.name: 1 for projection in PROJECTIONS}
    assert [level, level] == seen


def test_a_stopped_projection_is_logged_once_without_the_words_of_its_event(
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
    level = {projection.name: 2 for projection in PROJECTIONS}
    assert {**level, "actors": 0, "changes": 0} == on_record.sizes()
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
        begin_generation(conn, ACTORS)
    app = tasks()
    with app.connection_for_write() as broker:
        broker.SimpleQueue(celery.QUEUE).clear()  # other tests of this process sent some too
        app.tasks[SWEEP]()
        rung = 0
        while message := broker.SimpleQueue(celery.QUEUE).queue.get():
            assert BUILD == message.headers["task"]
            rung += 1
    assert PARTS == rung
    for _ in range(3):  # on a busy machine a task may run out of its two seconds
        app.tasks[BUILD]()
    with on_record.engine.connect() as conn:
        there = text("SELECT generation, live FROM projections.checkpoints WHERE name = 'actors'")
        assert [(2, True)] == [tuple(row) for row in conn.execute(there)]
    assert "nothing" == build(on_record.engine, ACTORS)
