"""Command `onrecord migrate`: the schema, before the processes of a deployment start."""

from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.options import DataOption, console
from onrecord.kit.settings import load_settings


def migrate_command(data: DataOption = None) -> None:
    """Bring the database's schema up to date."""
    given = load_settings(data=data)
    with infrastructure.open_database(given, console.print) as filled:
        url = infrastructure.migration_url(given, filled)
        # safe to repeat, and to run twice at the same time
        infrastructure.prepare_database(infrastructure.with_key_of_file(given, filled), url)
    console.print("The schema is up to date")
