"""Command `onrecord verify`: check a proof in a file, or a whole log at an address."""

from pathlib import Path
from typing import Annotated, Final

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
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        help="Policy (C2SP tlog-policy) with the logs and witnesses that you trust: its quorum must"
        " have cosigned the checkpoint.",
        metavar="FILE",
    ),
]
EventOption = Annotated[
    Path | None,
    typer.Option(
        help="The answer of GET /v1/events/{id} in a file, for a proof without its event.",
        metavar="FILE",
    ),
]
EPILOG: Final = """\b
Example: onrecord verify quote.tlog-proof --key VKEY
Example: onrecord verify https://record.example.org --key VKEY
Example: onrecord verify https://record.example.org --policy trusted.policy --json

At an address, every entry is checked up to the signed root, and the positions that
follow from the events are compared with the answers of the read API. ONRECORD_KEY is
the API key that reads them. What was verified is saved, and the next time the log must
continue it; a run that was stopped goes on where it was.

\b
Exit codes: 0 all is well, 1 something is wrong, 2 usage, 3 not available, 130 Ctrl-C.
"""


def verify_command(
    source: Annotated[str, typer.Argument(help="A file with a proof, or the address of a log.")],
    key: KeyOption = None,
    policy: PolicyOption = None,
    event: EventOption = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Also compare the JSON of a log with what the package rfc8785 writes.",
        ),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder of what is saved of logs; default: ~/.local/state/onrecord.",
            metavar="DIR",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check what a log says without trusting it."""
    if source.startswith(("http://", "https://")):
        if event:
            raise typer.BadParameter("--event goes with a file, not with the address of a log")
        verify_url(source, key or (), policy=policy, strict=strict, as_json=as_json, state=state)
    else:
        if strict or state:
            raise typer.BadParameter("--strict and --state go with the address of a log")
        verify_file(Path(source), key or (), policy=policy, event=event, as_json=as_json)
