"""Which Celery tasks keep the projections up to date?

Three bells: `catch_up`, rung by the write door after a commit; `sweep`, sent by beat, which does
the same and notes that it came; and `build`, rung by a sweep that finds a rebuild to help with.
None carries data, so each may be lost or doubled.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import structlog
from celery import Celery
from celery.signals import worker_process_init
from sqlalchemy import Column, DateTime, Engine, Table, Text, func
from sqlalchemy.dialects.postgresql import insert

from onrecord.kit.celery import QUEUE, every
from onrecord.projections.engine.catch_up import catch_up, in_turns, prepare
from onrecord.projections.engine.catch_up_all import keep_abreast
from onrecord.projections.engine.parts import to_build
from onrecord.projections.engine.poison import Stopped, frames
from onrecord.projections.engine.projection import PAGE, FoldChanged, Projection, behind, metadata
from onrecord.projections.engine.rebuild import build
from onrecord.projections.registry import PROJECTIONS

T = TypeVar("T")

log = structlog.get_logger()

CATCH_UP: Final = "onrecord.projections.engine.catch_up"
BUILD: Final = "onrecord.projections.build"
SWEEP: Final = "onrecord.projections.sweep"
SWEEP_SECONDS: Final = 2.0

sweeps = Table(
    "sweeps",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""When a sweep last ran: one row, read by `/readyz`."""


def register(
    app: Celery,
    engine: Engine,
    *,
    then: Sequence[Callable[[], object]] = (),
    engines: Sequence[Engine] = (),
) -> None:
    """Give a worker its tasks.

    No connection of `engine`, nor of the `engines` that `then` uses, is carried through a fork.

    `then` is called after each catching up, one by one; what one of them raises is its own.
    """
    prepare(engine, PROJECTIONS)
    said: dict[str, str] = {}
    """What was logged last of each projection: a sweep does not say it again."""

    def forked(**_: object) -> None:
        for one in (engine, *engines):
            one.dispose(close=False)

    worker_process_init.connect(forked, weak=False)

    def tried(projection: Projection, what: Callable[[Engine, Projection], T]) -> T | None:
        """Do something for a projection; its trouble holds up no other one."""
        name = projection.name
        try:
            done = what(engine, projection)
        except FoldChanged as error:
            if said.get(name) != str(error):
                log.error("not folded", projection=name, reason=str(error))
            said[name] = str(error)
        except Stopped as error:
            if error.new:
                where = frames(error.__cause__ or error)
                log.error("stopped at an event", reason=str(error), traceback=where)
        except Exception:
            log.exception("this projection stays where it is", projection=name)
        else:
            said.pop(name, None)
            return done
        return None

    def each_by_itself() -> None:
        with engine.begin() as conn:
            behind_by = behind(conn)
        late = [one for one in PROJECTIONS if one.name in behind_by]
        if max(behind_by.values(), default=0) > PAGE:
            in_turns(late, tried)
        for projection in late:
            tried(projection, catch_up)

    @app.task(name=CATCH_UP, shared=False)
    def catch_up_all() -> None:
        if not keep_abreast(engine, PROJECTIONS):
            each_by_itself()
        for follower in then:
            try:
                follower()
            except Exception:
                log.exception("what comes after the projections stays where it is")

    @app.task(name=SWEEP, shared=False)
    def sweep() -> None:
        catch_up_all()
        with engine.begin() as conn:
            note = insert(sweeps).values(name=SWEEP, at=func.clock_timestamp())
            conn.execute(
                note.on_conflict_do_update(index_elements=["name"], set_={"at": note.excluded.at})
            )
            bells = to_build(conn)
        for _ in range(bells):
            app.send_task(BUILD, expires=SWEEP_SECONDS, retry=False, queue=QUEUE)

    @app.task(name=BUILD, shared=False)
    def build_some() -> None:
        """Help with rebuilds until the next sweep asks again, and never let what is live wait."""
        over = time.monotonic() + SWEEP_SECONDS
        while time.monotonic() < over:
            if "worked" not in [tried(one, build) for one in PROJECTIONS]:
                break
            catch_up_all()


def schedule(app: Celery) -> None:
    """Give beat its schedule. A sweep not taken within two intervals is void."""
    app.conf.beat_schedule = {
        "sweep": {
            "task": SWEEP,
            "schedule": every(SWEEP_SECONDS),
            "options": {"expires": 2 * SWEEP_SECONDS},
        }
    }
