"""Command `onrecord erase`: erases words of a statement, after it has said which and asked."""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from onrecord.client import writes
from onrecord.client.call import Call
from onrecord.entrypoints.commands.options import (
    DataOption,
    JsonOption,
    PortOption,
    UrlOption,
    api_key,
    api_url,
    echo,
    print_json,
)
from onrecord.entrypoints.commands.show import fetch_answer
from onrecord.importing.client import open_client
from onrecord.ingest.schemas import ErasureIn
from onrecord.kit.settings import load_settings

EPILOG: Final = (
    "Example: onrecord erase 01939a3c-6f00-7a51-8a7c-3f1d5b2c9e10 --section content"
    " --section evidence --ground gdpr-17"
)


class ErasableSection(StrEnum):
    """The sections of a statement that can be erased."""

    CONTENT = "content"
    EVIDENCE = "evidence"
    VENUE = "venue"
    ROLES = "roles"
    NOTE = "note"
    REASON = "reason"


_IN_WORDS: Final = {
    ErasableSection.CONTENT: "what was said, and its original in another language",
    ErasableSection.EVIDENCE: "the sources: addresses, titles, outlets, quoted spans, who reported",
    ErasableSection.VENUE: "the venue",
    ErasableSection.ROLES: "the roles of the speakers",
    ErasableSection.NOTE: "the coder's note",
    ErasableSection.REASON: "the reasons of its corrections, its retraction and dismissed findings",
}
_STAYS: Final = (
    "What stays on record: the speakers, the topics, the dates, the stances and the coder, the"
    " ground of the erasure, and every hash, so proofs given before still verify. Positions that"
    " rest on the statement keep their own words."
)


def erase_command(
    statement: Annotated[UUID, typer.Argument(metavar="STATEMENT", help="The statement's id.")],
    section: Annotated[
        list[ErasableSection],
        typer.Option(
            metavar="|".join(ErasableSection),
            help="What to erase. Repeat the option for several sections.",
        ),
    ],
    ground: Annotated[
        str,
        typer.Option(
            metavar="CODE", help="On what ground: a code, as gdpr-17 or court-order; it is public."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and say what would be gone; erase nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: UrlOption = None,
    data: DataOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase words of a statement for ever, in all its versions so far.

    Copies stay: exports, backups, and what receivers of webhooks were sent.
    """
    settings = load_settings(data=data, port=port)
    sections: Any = tuple(choice.value for choice in ErasableSection if choice in section)
    # not validated here: the API says what is wrong with a ground
    erasure = ErasureIn.model_construct({"sections", "ground"}, sections=sections, ground=ground)
    typed: Call[Any] = writes.erase_statement(statement, erasure)
    call = replace(typed, answer=dict[str, Any])  # for `--json`, as received
    with open_client(api_url(settings, url), api_key(settings, url), timeout=30) as client:
        answer = fetch_answer(client, call.as_dry_run())  # before anybody is asked
        _describe(statement, sections, to_stderr=as_json)
        if not dry_run:
            if not yes:
                typer.confirm("Erase this?", abort=True, err=as_json)
            answer = fetch_answer(client, call)
    if as_json:
        print_json(answer)
    elif dry_run:
        echo("Nothing was erased: this was a dry run.")
    else:
        echo(f"Erased by event {answer['event']}; the size of the record is {answer['size']}.")


def _describe(statement: UUID, sections: tuple[str, ...], *, to_stderr: bool) -> None:
    """Say what will be gone and what stays."""
    gone = [f"  {name}: {_IN_WORDS[ErasableSection(name)]}" for name in sections]
    for line in (f"Gone for ever, from all versions of statement {statement}:", *gone, _STAYS):
        typer.echo(line, err=to_stderr)
