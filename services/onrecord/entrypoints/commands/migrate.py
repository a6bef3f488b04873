"""Command `onrecord migrate`: the schema, before the processes of a deployment start."""

from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.options import DataOption, console
from onrecord.kit.settings import load_settings


def migrate_command(data: DataOption = None) -> None:
    """Bring the database's schema up to date."""
    with infrastructure.open_database(load_settings(data=data), console.print) as settings:
        # safe to repeat, and to run twice at the same time
        infrastructure.prepare_database(settings)
    console.print("The schema is up to date")
