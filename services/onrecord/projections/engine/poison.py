"""Poisoned events: errors that an event would cause again, and how they are described.

An event that cannot be folded stops its own projection only. Entries before it are folded, entries
after it are not, and each sweep tries it again. Used by `catch_up`, which stores the stop in the
row of the checkpoint, and by code that logs errors of folds.
"""

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

_PACKAGE: Final = str(Path(__file__).parents[2]) + "/"
_MAX_LENGTH: Final = 200
_TRANSIENT: Final = ("25",)
"""SQLSTATE classes that pass, though no `OperationalError`: a primary became a replica."""
_CAUSED_BY_ROW: Final = ("54",)
"""SQLSTATE classes that are `OperationalError` and yet the row's: too large for an index, say."""


@dataclass(frozen=True)
class PoisonedEvent:
    """The event at which a projection stands, and the error of its fold."""

    seq: int
    event: UUID
    type: str
    error: str


class ProjectionStopped(Exception):
    """The projection cannot fold this event; it goes on once code or data is mended."""

    def __init__(self, name: str, poisoned: PoisonedEvent, *, new: bool) -> None:
        super().__init__(
            f"projection {name!r} stopped at seq {poisoned.seq}, {poisoned.type}"
            f" {poisoned.event}: {poisoned.error}"
        )
        self.poisoned = poisoned
        self.new = new
        """Whether the checkpoint has not stored this stop, with this error, before."""


def is_poison(error: Exception) -> bool:
    """Whether the event would cause the error again; a lost database or a deadlock passes."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.Error):
        state = cause.sqlstate[:2] if cause.sqlstate else ""
        if state in _CAUSED_BY_ROW:
            return True
        return state not in _TRANSIENT and not isinstance(
            cause, psycopg.OperationalError | psycopg.InterfaceError
        )
    return not isinstance(error, MemoryError | OSError)


def describe_error(error: Exception) -> str:
    """An error in a line without a word of the event: its class, and where it was raised.

    Not its message, which may quote a statement and would outlive the erasure of it.
    """
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    where = ""
    if isinstance(cause, psycopg.Error):
        names = (cause.diag.table_name, cause.diag.column_name, cause.diag.constraint_name)
        where = ", ".join(name for name in names if name)
    elif isinstance(cause, ValidationError):
        first = cause.errors(include_url=False, include_context=False, include_input=False)[0]
        field = "/".join(map(str, first["loc"]))
        where = f"{cause.title}, /{field}: {first['type']}"
    else:
        frames = traceback.extract_tb(cause.__traceback__)
        ours = [frame for frame in frames if frame.filename.startswith(_PACKAGE)]
        if ours:
            where = f"{ours[-1].filename.removeprefix(_PACKAGE)}, line {ours[-1].lineno}"
    name = type(cause).__name__
    return f"{name}: {where}"[:_MAX_LENGTH] if where else name[:_MAX_LENGTH]


def stack_of(error: BaseException) -> str:
    """Where an error was raised, call by call, for the log: again without its message."""
    return "".join(traceback.format_tb(error.__traceback__))
