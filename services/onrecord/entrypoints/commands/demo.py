"""Command `onrecord demo`: everything on this machine, the seeds, and a tour over them."""

from typing import Annotated

import typer

from onrecord.entrypoints.commands.demo_receiver import LOOPBACK
from onrecord.entrypoints.commands.demo_tour import run_tour
from onrecord.entrypoints.commands.options import NO, DataOption, PortOption, console, echo
from onrecord.entrypoints.supervisor import supervise
from onrecord.kit.settings import load_settings


def demo_command(
    data: DataOption = None,
    port: PortOption = None,
    exit_after_tour: Annotated[bool, typer.Option("--exit", help="End after the tour.")] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Start without the seeds.")] = False,
) -> None:
    """Run everything, record the seeds, and show the main job on them."""
    settings = load_settings(data=data, port=port)
    settings = settings.model_copy(
        update={"egress_allow": (*settings.egress_allow, LOOPBACK), "public_reads": True}
    )
    with supervise(settings, echo) as supervisor:
        passed = run_tour(settings, supervisor, console, empty=empty)
        if not exit_after_tour:
            console.print("\nRunning until Ctrl-C.")
            supervisor.watch(console.print)
    if not passed:
        raise typer.Exit(NO)
