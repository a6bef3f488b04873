"""Command `onrecord verify`: check a proof in a file, or a whole log at an address."""

from pathlib import Path
from typing import Annotated

import typer

from onrecord.entrypoints.commands.options import JsonOption
from onrecord.entrypoints.commands.verify_file import verify_file
from onrecord.entrypoints.commands.verify_url import verify_url

KeyOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Verifier key (vkey) of the log, as `onrecord log-key show` prints it. Repeatable:"
        " one of them must have signed.",
        metavar="VKEY",
    ),
]
EventOption = Annotated[
    Path | None,
    typer.Option(
        help="The answer of GET /v1/events/{id} in a file, for a proof without its event.",
        metavar="FILE",
    ),
]


def verify_command(
    source: Annotated[str, typer.Argument(help="A file with a proof, or the address of a log.")],
    key: KeyOption = None,
    event: EventOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Also write each entry anew by RFC 8785, and compare.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check what a log says without trusting it."""
    if source.startswith(("http://", "https://")):
        verify_url(source, next(iter(key or ()), None), strict=strict, as_json=as_json)
    else:
        verify_file(Path(source), key or (), event=event, as_json=as_json)
