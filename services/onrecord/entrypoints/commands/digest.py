"""Command `onrecord digest`: what was recorded since a date, in sentences."""

from dataclasses import asdict
from datetime import UTC, datetime
from gettext import gettext
from typing import Annotated, Final

import typer
from rich.text import Text

from onrecord.client import reads
from onrecord.client.parameters import ChangeSearch, CorrectionSearch
from onrecord.entrypoints.commands.options import (
    DataOption,
    JsonOption,
    UrlOption,
    api_key,
    api_url,
    console,
    print_json,
)
from onrecord.entrypoints.commands.show import fetch_answer
from onrecord.importing.client import open_client
from onrecord.kit.settings import load_settings
from onrecord.kit.terminal import visible
from onrecord.pages import sentences
from onrecord.pages.catalogue import SOURCE_LANGUAGE
from onrecord.pages.digest import MAX_ITEMS, a_week_ago, digest_of

EPILOG: Final = "Example: onrecord digest --since 2026-11-23"


def digest_command(
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The first date; default: a week ago."),
    ] = None,
    url: UrlOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show in sentences what was recorded since a date."""
    since = since or a_week_ago(datetime.now(UTC).date())
    settings = load_settings(data=data)
    with open_client(api_url(settings, url), api_key(settings, url), timeout=30) as client:
        # not validated here: the API says what is wrong with a date
        search = ChangeSearch.model_construct(recorded_from=since, limit=MAX_ITEMS)
        changes = fetch_answer(client, reads.list_changes(search))
        newest = CorrectionSearch(known_size=changes.known.size, limit=MAX_ITEMS)
        corrections = fetch_answer(client, reads.list_corrections(newest))
    has_more = changes.next is not None
    digest = digest_of(since, changes.items, corrections.items, has_more=has_more)
    if as_json:
        print_json(asdict(digest))
        return
    console.print(Text(visible(f"Recorded since {since}"), style="bold"))
    for step in digest.changes:
        sentence = sentences.change(gettext, step, SOURCE_LANGUAGE)
        console.print(visible(f"{sentences.KIND_SIGNS[step.kind]} {sentence}"), markup=False)
    for correction in digest.corrections:
        sentence = sentences.correction(gettext, correction, SOURCE_LANGUAGE)
        console.print(visible(f"{sentences.CORRECTION_SIGN} {sentence}"), markup=False)
    if not digest.changes and not digest.corrections:
        console.print("Nothing was recorded.")
    if digest.is_cut:
        console.print(f"More was recorded: a digest has at most {MAX_ITEMS} of each.")
