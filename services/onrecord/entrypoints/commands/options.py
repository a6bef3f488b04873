"""Options, consoles and exit codes that the commands share."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from onrecord.kit.settings import Settings
from onrecord.kit.terminal import TerminalConsole, json_text

DataOption = Annotated[
    Path | None, typer.Option(help="Folder of the embedded database.", metavar="DIR")
]
PortOption = Annotated[int | None, typer.Option(help="Port of the API.", min=1, max=65535)]
UrlOption = Annotated[
    str | None, typer.Option(help="Address of a running onrecord.", metavar="URL")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.")
]

NO, USAGE, UNAVAILABLE, INTERRUPTED = 1, 2, 3, 130
"""Exit codes: the answer is no, wrong usage, something is not available, Ctrl-C."""

console: Final = TerminalConsole(highlight=False, markup=False)
error_console: Final = TerminalConsole(stderr=True, highlight=False, markup=False)


def api_url(settings: Settings, url: str | None) -> str:
    """The address of the API: `--url` if given, else the one from the settings."""
    return url or settings.own_url


def print_json(document: Any) -> None:
    """Print a JSON document as it is, whatever the width of the terminal."""
    typer.echo(json_text(document))
