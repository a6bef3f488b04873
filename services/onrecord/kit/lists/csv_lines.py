"""Lines of CSV (RFC 4180) in UTF-8, whose cells no spreadsheet takes for a formula.

Used by `list_route`. Text is always quoted: with another separator in its settings a spreadsheet
would begin a cell in the middle of an unquoted one.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any, Final

import orjson

from onrecord.kit.http.json_bytes import json_bytes
from onrecord.kit.lists.columns import Column, cell_value

FORMULA_STARTS: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)
"""What spreadsheets may take for the start of a formula (OWASP, CSV injection), full-width too."""


def header_line(columns: Sequence[Column], more: Iterable[str]) -> bytes:
    """The names of the columns, and of those that hold for a whole page."""
    return _lines([[*(column.name for column in columns), *more]])


def item_lines(columns: Sequence[Column], items: Iterable[Any], more: Mapping[str, Any]) -> bytes:
    """A line for each item; `more` has the values that hold for all of them."""
    constant = orjson.loads(json_bytes([*more.values()]))
    return _lines(
        [
            *(_cell(cell_value(values, column, _dumps)) for column in columns),
            *map(_cell, constant),
        ]
        for values in (orjson.loads(json_bytes(item)) for item in items)
    )


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Text with an apostrophe before what would begin a formula; a number as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()
