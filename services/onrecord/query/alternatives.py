"""Bases of positions that may have been held instead of the one in an answer.

Used by `position_routes`. Few answers have alternatives, and nearly all requests are for one
position, so what alternatives rest on is read by a query of its own, at the size of the first.
"""

from collections.abc import Sequence
from dataclasses import replace

from onrecord.kit.sql.db import Row
from onrecord.projections import queries
from onrecord.query.read_context import ReadContext


async def read_bases_of_alternatives(context: ReadContext, rows: Sequence[Row]) -> None:
    """Add `basis` and `retracted_basis` to the column `candidates` of these rows of one size,
    apart from each row's own position.
    """
    others = [
        candidate
        for row in rows
        for candidate in row["candidates"]
        if candidate["id"] != str(row["id"])
    ]
    if not others:
        return
    at_size = replace(context, known_size=rows[0]["known_size"])
    ids = sorted({candidate["id"] for candidate in others})
    bases = {str(row["id"]): row for row in await at_size.rows(queries.BASES, ids=ids)}
    for candidate in others:
        row = bases[candidate["id"]]
        candidate |= {name: row[name] for name in ("basis", "retracted_basis")}
