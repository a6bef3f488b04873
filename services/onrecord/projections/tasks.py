"""Celery tasks that keep the projections up to date.

Three wake-ups: `catch_up`, sent by the write API after a commit; `sweep`, sent by beat, which does
the same and notes when it ran; and `build`, sent by a sweep that finds a rebuild to help with. None
carries data, so each may be lost or doubled. Used by the worker and, for the schedule, by beat.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from celery import Celery
from sqlalchemy import Engine

from onrecord.kit.celery import QUEUE, every
from onrecord.projections.engine.catch_up_all import ANALYZE_GROWN, OnFoldError, catch_up_all
from onrecord.projections.engine.checkpoints import FoldChanged, ensure_checkpoints
from onrecord.projections.engine.poison import ProjectionStopped, stack_of
from onrecord.projections.engine.projection import Projection
from onrecord.projections.engine.rebuild import build
from onrecord.projections.engine.rebuild_parts import useful_helpers
from onrecord.projections.freshness import note_sweep
from onrecord.projections.registry import PROJECTIONS

log = structlog.get_logger()

CATCH_UP: Final = "onrecord.projections.catch_up"
BUILD: Final = "onrecord.projections.build"
SWEEP: Final = "onrecord.projections.sweep"
SWEEP_SECONDS: Final = 2.0


def register_projection_tasks(
    app: Celery,
    engine: Engine,
    *,
    after_hooks: Sequence[Callable[[], object]] = (),
) -> None:
    """Give a worker its tasks.

    `after_hooks` are called after each catching up; what one of them raises does not concern the
    others.
    """
    with engine.begin() as conn:
        ensure_checkpoints(conn, PROJECTIONS)
    log_error = _error_log()

    def fold_and_run_hooks() -> bool:
        """Whether there is more to fold at once."""
        more = catch_up_all(engine, PROJECTIONS, log_error)
        for hook in after_hooks:
            try:
                hook()
            except Exception:
                log.exception("a hook after catching up failed")
        return more

    def wake_up(task: str, *, expires: float | None = None) -> None:
        app.send_task(task, expires=expires, retry=False, queue=QUEUE)

    @app.task(name=CATCH_UP, shared=False)
    def catch_up() -> None:
        if fold_and_run_hooks():
            wake_up(CATCH_UP)

    @app.task(name=SWEEP, shared=False)
    def sweep() -> None:
        more = fold_and_run_hooks()
        with engine.begin() as conn:
            note_sweep(conn)
            conn.execute(ANALYZE_GROWN)  # what a rebuild has filled, on a quiet record too
            helpers = useful_helpers(conn)
        for _ in range(helpers):
            wake_up(BUILD, expires=SWEEP_SECONDS)
        if more:
            wake_up(CATCH_UP)

    def build_guarded(projection: Projection) -> bool:
        """Whether something was done."""
        try:
            return build(engine, projection) == "worked"
        except Exception as error:
            log_error(projection, error)
            return False

    @app.task(name=BUILD, shared=False)
    def help_rebuild() -> None:
        """Help with rebuilds until the next sweep, and catch up in between."""
        deadline = time.monotonic() + SWEEP_SECONDS
        while time.monotonic() < deadline:
            worked = [build_guarded(projection) for projection in PROJECTIONS]
            if True not in worked:
                break
            fold_and_run_hooks()


def _error_log() -> OnFoldError:
    """Logs what projections meet; a sweep that meets the same again does not log it again."""
    last_logged: dict[str, str] = {}

    def log_error(projection: Projection, error: Exception) -> None:
        if isinstance(error, FoldChanged):
            if last_logged.get(projection.name) != str(error):
                log.error("not folded", projection=projection.name, reason=str(error))
            last_logged[projection.name] = str(error)
        elif isinstance(error, ProjectionStopped):
            if error.new:
                stack = stack_of(error.__cause__ or error)
                log.error("stopped at an event", reason=str(error), traceback=stack)
        else:
            log.error("not folded", projection=projection.name, exc_info=error)

    return log_error


def schedule_sweeps(app: Celery) -> None:
    """Give beat its schedule. A sweep not taken within two intervals is void."""
    app.conf.beat_schedule = {
        "sweep": {
            "task": SWEEP,
            "schedule": every(SWEEP_SECONDS),
            "options": {"expires": 2 * SWEEP_SECONDS},
        }
    }
