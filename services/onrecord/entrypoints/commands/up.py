"""Command `onrecord up`: everything on this machine, until Ctrl-C."""

from onrecord.entrypoints.commands.options import DataOption, PortOption, console, echo
from onrecord.entrypoints.supervisor import supervise
from onrecord.kit.settings import load_settings


def up_command(data: DataOption = None, port: PortOption = None) -> None:
    """Run everything on this machine until Ctrl-C."""
    settings = load_settings(data=data, port=port)
    with supervise(settings, echo) as supervisor:
        console.print(f"Ready: {supervisor.address}/ (Ctrl-C ends it; logs in {supervisor.logs})")
        if not settings.is_loopback and "public_url" not in settings.model_fields_set:
            echo(
                f"Links in answers begin with {settings.public_url}; set ONRECORD_PUBLIC_URL to the"
                " address that other machines use."
            )
        supervisor.watch(console.print)
