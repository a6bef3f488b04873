"""Command `onrecord show`: a position in a terminal. The demo's tour prints with it too."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from onrecord.client import ApiUnavailable, Client, ProblemError, reads
from onrecord.client.call import AnswerT, Call
from onrecord.client.parameters import AsOf
from onrecord.domain.statement import Evidence
from onrecord.entrypoints.commands.options import (
    DataOption,
    JsonOption,
    UrlOption,
    api_key,
    api_url,
    console,
    print_json,
)
from onrecord.importing.cells import NamedKind, ambiguous_name, unknown_name
from onrecord.importing.client import look_up_name, name_params, open_client, send
from onrecord.kit.settings import load_settings
from onrecord.kit.terminal import visible_texts
from onrecord.query.answers.position_schemas import PositionOut, RetractedStatement
from onrecord.query.answers.sentences import date_in_words, possible_in_words
from onrecord.query.answers.statement_schemas import StatementOfBasis
from onrecord.query.answers.step_schemas import Step

STANCE_COLOURS: Final = {
    "support": "green",
    "conditional_support": "green",
    "oppose": "red",
    "conditional_oppose": "red",
}


class NotOnRecord(Exception):
    """The API answered 404, or nothing has this name."""


class InvalidRequest(Exception):
    """The API answered 422, or a name is not clear."""


def show_command(
    actor: Annotated[
        str, typer.Argument(metavar="ACTOR", help="An id, wikidata:Q... or any name on record.")
    ],
    topic: Annotated[
        str, typer.Argument(metavar="TOPIC", help="An id, a label or the proposition.")
    ],
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="When it was so in the world; default: now.")
    ] = None,
    known_size: Annotated[
        int | None,
        typer.Option(metavar="N", help="As the record stood at this size; default: as it is."),
    ] = None,
    url: UrlOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an actor's position on a topic, with the exact words."""
    settings = load_settings(data=data)
    with open_client(api_url(settings, url), api_key(settings, url), timeout=30) as client:
        actor_id = _resolve(client, "actor", actor, known_size)
        topic_id = _resolve(client, "topic", topic, known_size)
        # not validated here: the API says what is wrong with a value
        at = AsOf.model_construct(as_of=as_of, known_size=known_size)
        call = reads.get_position(actor_id, topic_id, at)
        if as_json:  # as received, with what a newer API says beyond the model
            untyped: Call[Any] = call
            print_json(fetch_answer(client, replace(untyped, answer=dict[str, Any])))
        else:
            print_position(console, fetch_answer(client, call), with_statements=True)


def _resolve(client: Client, kind: NamedKind, name: str, known_size: int | None) -> str:
    """The id that a name means. Raises `NotOnRecord` or `InvalidRequest` with candidates."""
    candidates = look_up_name(client, name_params(kind, name, known_size))
    if candidates is None:
        return name  # the request for the position says what is wrong
    if candidates.id:
        return candidates.id
    if candidates.matches:
        labels = {match.id: match.label for match in candidates.matches}
        raise InvalidRequest(ambiguous_name(kind, name, labels))
    raise NotOnRecord(unknown_name(kind, name, candidates))


def fetch_answer(client: Client, call: Call[AnswerT]) -> AnswerT:
    """The answer to a call.

    Raises `NotOnRecord`, `InvalidRequest` or `ApiUnavailable` with the text of the problem.
    """
    try:
        return send(client, call)
    except ProblemError as problem:
        if problem.status == 404:
            raise NotOnRecord(problem.text) from None
        if problem.status == 422:
            raise InvalidRequest(problem.text) from None
        raise ApiUnavailable(problem.text) from None


def print_position(console: Console, position: PositionOut, *, with_statements: bool) -> None:
    """Print a position, optionally with the statements that it is based on."""
    position = visible_texts(position)
    clocks = f"as of {position.as_of}, known at size {position.known.size}"
    console.print(Text(f"{position.actor} on {position.topic}, {clocks}", style="bold"))
    table = Table.grid(padding=(0, 2))
    if position.stance is None or position.effective is None:
        nothing = "no position yet" if position.alternatives else "no position on record by then"
        table.add_row("stance", nothing)
    else:
        colour = STANCE_COLOURS.get(position.stance, "")
        table.add_row("stance", Text(position.stance.replace("_", " "), style=colour))
        if position.condition:
            table.add_row("condition", Text(position.condition))
        table.add_row("effective", Text(date_in_words(position.effective)))
        table.add_row("change", Text(_change_text(position)))
        table.add_row("in short", Text(position.summary or "(erased)"))
    table.add_row("certainty", position.certainty)
    _add_retracted_basis(table, position.retracted_basis)
    for other in position.alternatives:
        table.add_row("or", Text(possible_in_words(vars(other))))
        _add_retracted_basis(table, other.retracted_basis)
    console.print(Padding(table, (0, 0, 0, 2)))
    if with_statements:
        for statement in position.statements:
            print_statement(console, statement)


def _add_retracted_basis(table: Table, retracted: Sequence[RetractedStatement]) -> None:
    """Add a row for each retracted statement that a position, or an alternative, rests on."""
    for statement in retracted:
        retraction = f"{statement.id} by {statement.by}, {statement.recorded_at:%Y-%m-%d}"
        table.add_row("retracted basis", Text(retraction))


def print_statement(console: Console, statement: StatementOfBasis) -> None:
    """Print the exact words, the speakers, and the sources."""
    statement = visible_texts(statement)
    content = statement.content
    quotation = "“{}”" if content.mode == "verbatim" else "{}"
    words = "(erased)" if content.text is None else content.text
    console.print(Padding(Text(quotation.format(words), style="italic"), (0, 4)))
    speakers = ", ".join(speaker.actor for speaker in statement.speakers)
    attribution = f"{speakers}, {date_in_words(statement.said_at)} ({statement.said_at_basis})"
    for line in (f"{attribution}, {content.mode}", *map(_source_text, statement.evidence)):
        console.print(Padding(Text(line, style="dim"), (0, 6)))


def _source_text(evidence: Evidence) -> str:
    """Where a statement was found, the span of its words there, and through whom it came."""
    sources = (evidence.url, evidence.archive_url, evidence.reference, evidence.sha256)
    text = next(filter(None, sources), "(erased)")
    selector = evidence.selector
    if selector and selector.start is not None:
        text += f" [{selector.start}:{selector.end}]"
    chain = ", ".join(f"{link.relation} by {link.by or '(erased)'}" for link in evidence.chain)
    return text + (f" ({chain})" if chain else "")


def print_changes(console: Console, steps: Sequence[Step]) -> None:
    """Print changes of position as a table."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("actor", "topic", "effective", "change", "size", "stance"):
        table.add_column(title)
    for step in map(visible_texts, steps):
        previous = step.previous.stance if step.previous else "nothing"
        in_doubt = " (possible)" if step.certainty == "possible" else ""
        table.add_row(
            *(step.actor, step.topic, date_in_words(step.effective)),
            step.kind.replace("_", " ") + in_doubt,
            "" if step.change_size is None else str(step.change_size),
            f"{previous} → {step.stance}".replace("_", " "),
        )
    console.print(Padding(table, (0, 0, 0, 2)))


def _change_text(position: PositionOut) -> str:
    previous = position.previous
    text = str(position.kind).replace("_", " ")
    if position.change_size is not None:
        text += f" by {position.change_size}"
    if previous:
        text += f", from {previous.stance.replace('_', ' ')}"
        text += f", effective {date_in_words(previous.since)}"
    return text
