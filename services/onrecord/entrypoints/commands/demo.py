"""Command `onrecord demo`: everything on this machine, the seeds, and a tour over them."""

from contextlib import ExitStack
from typing import Annotated

import typer

from onrecord.entrypoints.commands.demo_receiver import demo_receiver
from onrecord.entrypoints.commands.demo_tour import run_tour, show_next_steps
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
    with ExitStack() as stack:
        receiver = None if empty else stack.enter_context(demo_receiver())
        allow = (*settings.egress_allow, *([receiver.network] if receiver else []))
        for_tour = settings.model_copy(update={"egress_allow": allow, "public_reads": True})
        with supervise(for_tour, echo) as supervisor:
            console.print(f"Open {supervisor.address}/ in a browser")
            passed = run_tour(settings, supervisor, console, receiver)
            if receiver and not exit_after_tour:
                supervisor.restrict_egress(settings.egress_allow)
                stack.close()
            if passed:
                show_next_steps(settings, supervisor, console)
            if not exit_after_tour:
                console.print("\nRunning until Ctrl-C.")
            console.print(f"{supervisor.address}/")
            if not exit_after_tour:
                supervisor.watch(echo)
    if not passed:
        raise typer.Exit(NO)
