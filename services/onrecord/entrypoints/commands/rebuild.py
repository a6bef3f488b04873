"""Command `onrecord rebuild`: the next generation of a projection beside the live one."""

from typing import Annotated, Final

import typer

from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.options import DataOption, console, error_console
from onrecord.entrypoints.commands.progress import entries_progress
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.settings import Settings, addresses, load_settings
from onrecord.kit.sql import db
from onrecord.projections.engine.catch_up import FOLDING_SETTINGS
from onrecord.projections.engine.rebuild import rebuild_projection
from onrecord.projections.registry import PROJECTIONS, projection_named

_NAMES: Final = [projection.name for projection in PROJECTIONS]


def rebuild_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(_NAMES)}.")],
    data: DataOption = None,
) -> None:
    """Build a projection anew, while it is read.

    Beside the live one, which answers until the new one has caught up.
    """
    with infrastructure.open_database(load_settings(data=data), error_console.print) as settings:
        infrastructure.require_schema(settings)
        run_rebuild(settings, name)


def run_rebuild(settings: Settings, name: str) -> None:
    """Rebuild a projection, together with any worker that helps. Raises `UnknownProjection`."""
    target = projection_named(name)
    url, _ = addresses(settings)
    engine = db.engine(url, role="onrecord_projections", **FOLDING_SETTINGS)
    try:
        tune_gc()
        with entries_progress(f"Rebuilding {name}", console) as progress:
            generation = rebuild_projection(engine, target, progress)
    finally:
        engine.dispose()
    console.print(f"{name} is rebuilt; generation {generation} is live")
