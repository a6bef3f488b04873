"""A table of positions with the rows and columns of a page: actors by topics, or topics by actors.

Used by the pages of the grid and of the comparison. Pure functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from onrecord.query.answers.step_schemas import ListedPosition

Axis = Literal["actor", "topic"]


@dataclass(frozen=True)
class TableRow:
    """A row: its id and label, and a position or None for each column."""

    id: str
    label: str
    cells: Sequence[ListedPosition | None]

    @property
    def stances(self) -> set[tuple[str | None, str | None]]:
        """Stances with their conditions, of the columns that have a position."""
        return {(cell.stance, cell.condition) for cell in self.cells if cell is not None}


@dataclass(frozen=True)
class PositionTable:
    """Columns as id and label, and the rows, each in the order of labels."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[TableRow]


def position_table(items: Sequence[ListedPosition], *, rows: Axis) -> PositionTable:
    """The table of these positions; `rows` says what each row is about."""
    columns: Axis = "topic" if rows == "actor" else "actor"
    cells = {(getattr(item, rows), getattr(item, columns)): item for item in items}
    column_names = _names(items, columns)
    return PositionTable(
        column_names,
        [
            TableRow(id_, label, [cells.get((id_, column)) for column, _ in column_names])
            for id_, label in _names(items, rows)
        ],
    )


def _names(items: Sequence[ListedPosition], axis: Axis) -> list[tuple[str, str]]:
    labels = {getattr(item, axis): getattr(item, f"{axis}_label") for item in items}
    return sorted(labels.items(), key=lambda name: (name[1].casefold(), name[0]))
