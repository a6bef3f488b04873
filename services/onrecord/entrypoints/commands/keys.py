"""Command `onrecord keys`: creates, lists and revokes API keys, with access to the database."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from onrecord.access.registry import KeyRegistry, NewKey, UnknownKey
from onrecord.access.schemas import KeyIn
from onrecord.access.tokens import new_token
from onrecord.domain.dates import InvalidDate, last_instant
from onrecord.domain.ids import new_id
from onrecord.domain.scopes import ALL_SCOPES
from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.options import DataOption, console, echo, error_console
from onrecord.entrypoints.local_key import open_key_registry
from onrecord.kit.settings import addresses, load_settings
from onrecord.kit.sql.db import Row
from onrecord.ledger.evaluate import LOCAL

keys_app: Final = typer.Typer(
    help="Create, list and revoke API keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_DURATION: Final = re.compile(r"([1-9]\d{0,4})([hdwy])")
_HOURS: Final = {"h": 1, "d": 24, "w": 168, "y": 8_760}
_PAGE: Final = 500


def _expiry(text: str) -> datetime:
    """The instant that `90d`, or a date (its last instant in UTC), means."""
    if duration := _DURATION.fullmatch(text):
        number, unit = duration.groups()
        return datetime.now(UTC) + timedelta(hours=int(number) * _HOURS[unit])
    try:
        expires_at = last_instant(text)
    except InvalidDate:
        raise typer.BadParameter(
            f"{text!r} is no time, as 12h, 90d, 26w or 1y are, and no date, as 2027-12-31 is."
        ) from None
    if expires_at <= datetime.now(UTC):
        raise typer.BadParameter(f"{text!r} does not lie ahead.")
    return expires_at


def _name(name: str) -> str:
    try:
        return KeyIn(name=name, scopes=ALL_SCOPES).name
    except ValidationError as error:
        raise typer.BadParameter(f"It {error.errors()[0]['msg']}.") from None


def _scopes(names: list[str]) -> list[str]:
    if unknown := sorted(set(names).difference(ALL_SCOPES)):
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(ALL_SCOPES)}.")
    return names


@keys_app.command("create", epilog="Example: onrecord keys create --name desk --scope write")
def create_command(
    name: Annotated[
        str, typer.Option(callback=_name, help="Whose key it is, or what for; it is on record.")
    ],
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="|".join(ALL_SCOPES),
            callback=_scopes,
            help="What it may do. Repeat the option for several scopes; none implies another.",
        ),
    ],
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When it expires: 12h, 90d, 26w or 1y from now, or at the end of a date, as"
            " 2027-12-31. Never if left out.",
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Create a key and print it, once."""
    scopes = tuple(choice for choice in ALL_SCOPES if choice in scope)
    key = NewKey(new_id(), name, scopes, _expiry(expires) if expires else None)
    token = new_token(key.id)
    _run(data, lambda registry: registry.create(key, token, LOCAL))
    until = f", until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else ""
    error_console.print(f"Key {key.id} with {', '.join(key.scopes)}{until}. It is shown only now:")
    echo(token)


@keys_app.command("list", epilog="Example: onrecord keys list")
def list_command(data: DataOption = None) -> None:
    """List all keys, revoked ones too."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("id", "name", "scopes", "created", "last used", "state"):
        table.add_column(title, no_wrap=title == "id")
    for row in _run(data, _all_keys):
        created, used = row["created_at"], row["last_used_at"]
        table.add_row(
            *(str(row["id"]), Text(row["name"]), ", ".join(row["scopes"])),
            *(f"{at:%Y-%m-%d %H:%M}" if at else "never" for at in (created, used)),
            _state(row),
        )
    console.print(table)


@keys_app.command("revoke", epilog="Example: onrecord keys revoke 01939a3c-6f00-7a51-8a7c-...")
def revoke_command(
    id: Annotated[UUID, typer.Argument(metavar="ID", help="As `onrecord keys list` shows it.")],
    data: DataOption = None,
) -> None:
    """Revoke a key, for good.

    Within five seconds no process accepts it any more. Safe to repeat.
    """
    try:
        _run(data, lambda registry: registry.revoke(id, LOCAL))
    except UnknownKey:
        raise UnknownKey(f"There is no key {id}; `onrecord keys list` shows all.") from None
    echo(f"Key {id} is revoked.")


def _run(data: Any, use: Callable[[KeyRegistry], Coroutine[Any, Any, Any]]) -> Any:
    """Run a function of the registry on the database of the settings."""

    async def run(url: str) -> Any:
        async with open_key_registry(url) as registry:
            return await use(registry)

    with infrastructure.open_database(load_settings(data=data), error_console.print) as settings:
        infrastructure.require_schema(settings)
        return asyncio.run(run(addresses(settings)[0]))


async def _all_keys(registry: KeyRegistry) -> list[Row]:
    rows: list[Row] = []
    while page := await registry.page(rows[-1]["id"] if rows else None, _PAGE):
        rows += page
    return rows


def _state(row: Row) -> str:
    if row["revoked_at"]:
        return f"revoked {row['revoked_at']:%Y-%m-%d %H:%M}"
    if row["expires_at"]:
        word = "expired" if row["expires_at"] <= datetime.now(UTC) else "until"
        return f"{word} {row['expires_at']:%Y-%m-%d %H:%M}"
    return "active"
