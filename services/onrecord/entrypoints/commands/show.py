"""How is a position shown in a terminal? `onrecord show`, and the demo's tour."""

from typing import Any

import httpx2
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from onrecord.importing.run import DoorClosed

LOOKS = {
    "support": "green",
    "conditional_support": "green",
    "oppose": "red",
    "conditional_oppose": "red",
}


class NotOnRecord(Exception):
    """What was asked for is not on record."""


class BadQuestion(Exception):
    """What was asked cannot be asked so."""


def ask(client: httpx2.Client, path: str, **params: Any) -> dict[str, Any]:
    """GET a JSON answer; a problem becomes an error that says what it said."""
    given = {name: value for name, value in params.items() if value is not None}
    try:
        answer = client.get(path, params=given)
    except httpx2.TransportError as error:
        raise DoorClosed(
            f"{client.base_url} does not answer ({error}); is `onrecord up` running?"
        ) from None
    try:
        told: dict[str, Any] = answer.json()
    except ValueError:
        raise DoorClosed(f"{client.base_url} is not an onrecord") from None
    if answer.status_code == 200:
        return told
    faults = "; ".join(
        f"{one.get('parameter') or one.get('pointer')}: {one['message']}"
        for one in told.get("errors", [])
    )
    detail = f"{told.get('detail')} {faults}".strip()
    if answer.status_code == 404:
        raise NotOnRecord(detail)
    raise (BadQuestion if answer.status_code == 422 else DoorClosed)(detail)


def show_position(console: Console, position: dict[str, Any], *, words: bool) -> None:
    """One position, with the words that it rests on."""
    asked = f"as of {position['as_of']}, known at size {position['known']['size']}"
    console.print(Text(f"{position['actor']} on {position['topic']}, {asked}", style="bold"))
    table = Table.grid(padding=(0, 2))
    if not position["on_record"]:
        table.add_row("stance", "nothing on record")
    else:
        stance = Text(position["stance"].replace("_", " "), style=LOOKS.get(position["stance"], ""))
        table.add_row("stance", stance)
        if position["condition"]:
            table.add_row("condition", Text(position["condition"]))
        table.add_row("effective", Text(position["effective"]))
        table.add_row("change", Text(_change(position)))
        table.add_row("in short", Text(position["summary"] or "(erased)"))
    table.add_row("certainty", position["certainty"])
    for other in position["alternatives"]:
        what = other["stance"] or "nothing yet"
        table.add_row("or", Text(f"{what} ({other['effective'] or 'before the first position'})"))
    console.print(Padding(table, (0, 0, 0, 2)))
    if words:
        for statement in position["statements"]:
            show_statement(console, statement)


def show_statement(console: Console, statement: dict[str, Any]) -> None:
    """The exact words, who said them, and who reported them."""
    content = statement["content"]
    mark = "“{}”" if content["mode"] == "verbatim" else "{}"
    console.print(
        Padding(Text(mark.format(content.get("text", "(erased)")), style="italic"), (0, 4))
    )
    speakers = ", ".join(one["actor"] for one in statement["speakers"])
    lines = [
        f"{speakers}, {statement['said_at']} ({statement['said_at_basis']}), {content['mode']}"
    ]
    for one in statement["evidence"]:
        source = one.get("url") or one.get("reference") or one.get("sha256", "")
        chain = ", ".join(
            f"{link['relation']} by {link.get('by')}" for link in one.get("chain", [])
        )
        span = one.get("selector", {})
        where = f" [{span['start']}:{span['end']}]" if "start" in span else ""
        lines.append(f"{source}{where}" + (f" ({chain})" if chain else ""))
    for line in lines:
        console.print(Padding(Text(line, style="dim"), (0, 6)))


def show_changes(console: Console, steps: list[dict[str, Any]]) -> None:
    """Steps as a table: who, on what, when, how."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("actor", "topic", "from", "change", "size", "stance"):
        table.add_column(title)
    for one in steps:
        previous = one["previous"]["stance"] if one["previous"] else "nothing"
        table.add_row(
            *(one["actor"], one["topic"], one["effective"], one["kind"].replace("_", " ")),
            "" if one["change_size"] is None else str(one["change_size"]),
            f"{previous} → {one['stance']}".replace("_", " "),
        )
    console.print(Padding(table, (0, 0, 0, 2)))


def _change(position: dict[str, Any]) -> str:
    size = position["change_size"]
    previous = position["previous"]
    told = str(position["kind"]).replace("_", " ")
    if size is not None:
        told += f" by {size}"
    if previous:
        told += f", from {previous['stance'].replace('_', ' ')} since {previous['since']}"
    return told
