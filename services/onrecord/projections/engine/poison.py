"""Is an error an event's own, and how is it named?

An event that cannot be folded stops its projection, and only it, exactly there: what came before is
folded, nothing after it is, and it is tried again at each sweep. Called by `catch_up`, which notes
the stop in the checkpoint's row; told by `status`.
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
_MOST: Final = 200
_NOT_NOW: Final = ("25",)
"""SQLSTATE classes of the moment, though no `OperationalError`: a primary became a replica."""
_TOO_MUCH: Final = ("54",)
"""Classes that are `OperationalError` and yet of the row: too large for an index, say."""


@dataclass(frozen=True)
class Stop:
    """The event at which a projection stands, and what its fold met there."""

    seq: int
    event: UUID
    type: str
    error: str


class Stopped(Exception):
    """The projection cannot fold this event; it goes on from there once code or data is mended."""

    def __init__(self, name: str, stop: Stop, *, new: bool) -> None:
        super().__init__(
            f"projection {name!r} stopped at seq {stop.seq}, {stop.type} {stop.event}: {stop.error}"
        )
        self.stop = stop
        self.new = new
        """Whether it did not stand there, by the same error, before."""


def is_poison(error: Exception) -> bool:
    """Would the event meet it again? A lost database or a deadlock, say, is of the moment."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.Error):
        of = cause.sqlstate[:2] if cause.sqlstate else ""
        if of in _TOO_MUCH:
            return True
        return of not in _NOT_NOW and not isinstance(
            cause, psycopg.OperationalError | psycopg.InterfaceError
        )
    return not isinstance(error, MemoryError | OSError)


def told(error: Exception) -> str:
    """An error in a line without a word of the event: its class, and where it was met.

    Not its message, which may quote what was said, and would outlive the erasure of it.
    """
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    where = ""
    if isinstance(cause, psycopg.Error):
        parts = (cause.diag.table_name, cause.diag.column_name, cause.diag.constraint_name)
        where = ", ".join(one for one in parts if one)
    elif isinstance(cause, ValidationError):
        first = cause.errors(include_url=False, include_context=False, include_input=False)[0]
        at = "/".join(map(str, first["loc"]))
        where = f"{cause.title}, /{at}: {first['type']}"
    else:
        ours = [
            one
            for one in traceback.extract_tb(cause.__traceback__)
            if one.filename.startswith(_PACKAGE)
        ]
        if ours:
            where = f"{ours[-1].filename.removeprefix(_PACKAGE)}, line {ours[-1].lineno}"
    name = type(cause).__name__
    return f"{name}: {where}"[:_MOST] if where else name[:_MOST]


def frames(error: BaseException) -> str:
    """Where an error was met, call by call, for the log: again without its message."""
    return "".join(traceback.format_tb(error.__traceback__))
