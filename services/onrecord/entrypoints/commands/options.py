"""Options, consoles and exit codes that the commands share."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from onrecord.kit.settings import Settings

DataOption = Annotated[
    Path | None, typer.Option(help="Folder of the embedded database.", metavar="DIR")
]
PortOption = Annotated[int | None, typer.Option(help="Port of the API.", min=1, max=65535)]
UrlOption = Annotated[
    str | None, typer.Option(help="Address of a running onrecord.", metavar="URL")
]

NO, USAGE, UNAVAILABLE, INTERRUPTED = 1, 2, 3, 130
"""Exit codes: the answer is no, wrong usage, something is not available, Ctrl-C."""

console: Final = Console(highlight=False)
error_console: Final = Console(stderr=True, highlight=False)


def api_url(settings: Settings, url: str | None) -> str:
    """The address of the API: `--url` if given, else the one from the settings."""
    return url or settings.own_url
