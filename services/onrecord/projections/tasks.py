"""Which Celery tasks keep the projections up to date?

Two bells: `catch_up`, rung by the write door after a commit, and `sweep`, sent by beat, which does
the same and notes that it came. Neither carries data, so each may be lost or doubled.
"""

from collections.abc import Callable, Sequence
from typing import Final

import structlog
from celery import Celery
from celery.signals import worker_process_init
from sqlalchemy import Column, DateTime, Engine, Table, Text, func
from sqlalchemy.dialects.postgresql import insert

from onrecord.projections.catch_up import catch_up, prepare
from onrecord.projections.projection import FoldChanged, metadata
from onrecord.projections.registry import PROJECTIONS

log = structlog.get_logger()

CATCH_UP: Final = "onrecord.projections.catch_up"
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
    app: Celery, engine: Engine, then: Callable[[], None], *, engines: Sequence[Engine] = ()
) -> None:
    """Give a worker its tasks. `then` is called when all are folded, for those who follow them.

    No connection of `engine`, nor of the `engines` that `then` uses, is carried through a fork.
    """

    prepare(engine, PROJECTIONS)

    def forked(**_: object) -> None:
        for one in (engine, *engines):
            one.dispose(close=False)

    worker_process_init.connect(forked, weak=False)

    @app.task(name=CATCH_UP)
    def catch_up_all() -> None:
        for projection in PROJECTIONS:
            try:
                catch_up(engine, projection)
            except FoldChanged as error:
                log.error("not folded", projection=projection.name, reason=str(error))
            except Exception:
                log.exception("this projection stays where it is", projection=projection.name)
        try:
            then()
        except Exception:
            log.exception("who follows the projections stays where it is")

    @app.task(name=SWEEP)
    def sweep() -> None:
        catch_up_all()
        with engine.begin() as conn:
            note = insert(sweeps).values(name=SWEEP, at=func.clock_timestamp())
            conn.execute(
                note.on_conflict_do_update(index_elements=["name"], set_={"at": note.excluded.at})
            )


def schedule(app: Celery) -> None:
    """Give beat its schedule. A sweep not taken within two intervals is void."""
    app.conf.beat_schedule = {
        "sweep": {
            "task": SWEEP,
            "schedule": SWEEP_SECONDS,
            "options": {"expires": 2 * SWEEP_SECONDS},
        }
    }
