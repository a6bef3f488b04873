"""Options, consoles and exit codes that the commands share."""

from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from onrecord.entrypoints.local_key import read_key_file
from onrecord.kit.settings import Settings
from onrecord.kit.terminal import TerminalConsole, json_text

DataOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the embedded database, and of the key of `onrecord up`.", metavar="DIR"
    ),
]
PortOption = Annotated[
    int | None, typer.Option(help="Port of the API.", metavar="PORT", min=1, max=65535)
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        help="Address of a running onrecord; default: this machine, at ONRECORD_PORT.",
        metavar="URL",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.")
]

NO, USAGE, UNAVAILABLE, INTERRUPTED = 1, 2, 3, 130
"""Exit codes: the answer is no, wrong usage, something is not available, Ctrl-C."""

console: Final = TerminalConsole(highlight=False, markup=False)
error_console: Final = TerminalConsole(stderr=True, highlight=False, markup=False)


def echo(text: str) -> None:
    """Print a line as it is: it can be copied from a narrow terminal, too."""
    console.print(text, soft_wrap=True, markup=False)


def api_key(settings: Settings, url: str | None) -> str | None:
    """The key to send to the API: ONRECORD_KEY, else that of `onrecord up` in the data folder.

    The latter belongs to this machine, so it is sent to no other one that `--url` names.
    """
    if settings.key:
        return settings.key.get_secret_value()
    if url and urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1"):
        return None
    return read_key_file(settings.key_file)


def api_url(settings: Settings, url: str | None) -> str:
    """The address of the API: `--url` if given, else the one from the settings."""
    return url or settings.own_url


def print_json(document: Any) -> None:
    """Print a JSON document as it is, whatever the width of the terminal."""
    typer.echo(json_text(document))
