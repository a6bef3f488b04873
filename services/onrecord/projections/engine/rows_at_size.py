"""Rows of a projection's tables as they were at a size, whatever was folded since.

Called by the audit's replay, which compares a projection with one folded anew, both at one size.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, Text, case, func, literal, null, select

from onrecord.projections.engine.versions import NEVER

_NOT_COMPARED: Final = {"generation", "search", "words", "bare", "folded"}
"""Which build a row is of; and what the database works out from the other columns."""


def rows_at(table: Table, generation: int, size: int) -> Select[Any]:
    """The rows of a generation as they were at `size`, in the order of their keys."""
    columns = [_at(column, table, size) for column in table.c if column.name not in _NOT_COMPARED]
    return (
        select(*columns)
        .where(table.c.generation == generation, table.c.open_seq < size)
        .order_by(*_order(table))
    )


KEY: Final = ("open_seq", "id")
"""What tells rows of one generation apart, and their order; a table may have no `id`."""


def _order(table: Table) -> list[ColumnElement[Any]]:
    """As Python orders these values: text by code points, whatever the database's collation."""
    columns = [table.c[name] for name in KEY if name in table.c]
    return [column.collate("C") if isinstance(column.type, Text) else column for column in columns]


def _at(column: ColumnElement[Any], table: Table, size: int) -> ColumnElement[Any]:
    name = column.key or ""
    if name == "close_seq":
        return case((column >= size, literal(NEVER)), else_=column).label(name)
    if name.startswith("close_"):
        return case((table.c.close_seq >= size, null()), else_=column).label(name)
    if name == "size":
        return func.least(column, size).label(name)
    return column
