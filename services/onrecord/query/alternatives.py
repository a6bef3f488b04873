"""Bases of positions that may have been held instead of the one in an answer.

Used by the routes of positions and by exports. Few answers have alternatives, and nearly all
requests are for one position, so what alternatives rest on is read by a query of its own, at the
size of the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from onrecord.kit.sql.db import Row
from onrecord.projections import queries
from onrecord.query.read_context import ReadContext


async def read_bases_of_alternatives(context: ReadContext, rows: Sequence[Row]) -> None:
    """Add `basis` and `retracted_basis` to the column `candidates` of these rows of one size,
    apart from each row's own position.
    """
    if others := other_candidates(rows):
        at_size = replace(context, known_size=rows[0]["known_size"])
        add_bases(others, await at_size.rows(queries.BASES, ids=ids_of(others)))


def other_candidates(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The candidates of rows, apart from each row's own position."""
    return [
        candidate
        for row in rows
        for candidate in row["candidates"]
        if candidate["id"] != str(row["id"])
    ]


def ids_of(candidates: Iterable[dict[str, Any]]) -> list[str]:
    """The parameter `ids` of `queries.BASES`."""
    return sorted({candidate["id"] for candidate in candidates})


def add_bases(candidates: Iterable[dict[str, Any]], bases: Iterable[Row]) -> None:
    """Add the columns of rows of `queries.BASES` to candidates, in place."""
    by_id = {str(row["id"]): row for row in bases}
    for candidate in candidates:
        row = by_id[candidate["id"]]
        candidate |= {name: row[name] for name in ("basis", "retracted_basis")}
