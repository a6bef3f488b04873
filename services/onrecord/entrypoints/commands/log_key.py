"""Command `onrecord log-key`: the key with which the log signs its checkpoints.

It works on the key file alone, in the data folder of the signer, and needs no database.
"""

from typing import Annotated, Final

import typer

from onrecord.entrypoints.commands.options import DataOption, echo, error_console
from onrecord.kit.settings import Settings, load_settings
from onrecord.kit.tlog.keys import SigningKey
from onrecord.signing.kept_checkpoint import read_kept
from onrecord.signing.key_file import add_key, create_log_key, drop_older_keys, read_keys

log_key_app: Final = typer.Typer(
    help="Create, show and rotate the key that signs the log.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@log_key_app.command("create", epilog="Example: onrecord log-key create")
def create_log_key_command(data: DataOption = None) -> None:
    """Create the key; refused where there is one.

    The signer does it by itself where nothing has been signed yet.
    """
    settings = load_settings(data=data)
    _show(settings, create_log_key(settings.log_key_file, settings.log_origin))


@log_key_app.command("show", epilog="Example: onrecord log-key show")
def show_log_key_command(data: DataOption = None) -> None:
    """Print the origin, the public keys, and the lines of a log.policy."""
    settings = load_settings(data=data)
    _show(settings, read_keys(settings.log_key_file))


@log_key_app.command("rotate", epilog="Example: onrecord log-key rotate --finish")
def rotate_log_key_command(
    finish: Annotated[
        bool, typer.Option("--finish", help="Drop the older key; the newer one signs alone.")
    ] = False,
    data: DataOption = None,
) -> None:
    """Add a new key; both sign until `--finish`.

    Give the new public key to witnesses and readers in between. A running signer takes up the
    change by itself.
    """
    settings = load_settings(data=data)
    path = settings.log_key_file
    if finish:
        kept = read_kept(settings.kept_checkpoint_file)
        keys = drop_older_keys(path, kept.note if kept else None)
    else:
        keys = add_key(path)
        error_console.print("Both keys sign from now on. When witnesses and readers have the new")
        error_console.print("one, the first below: onrecord log-key rotate --finish")
    _show(settings, keys)


def _show(settings: Settings, keys: list[SigningKey]) -> None:
    echo(f"origin {keys[0].name}")
    for key in keys:
        echo(f"vkey   {key.verifier}")
    for key in keys:
        echo(f"log {key.verifier} {settings.public_url}/log")
