"""Alternatives of answers where dates are inexact: steps that may have been held or come before.

Used by the routes of positions and changes, and by exports. Few answers have alternatives, and
nearly all requests are for one position, so what alternatives rest on, and what may have come
before a change, is read by queries of their own, at the size of the first.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from onrecord.domain.certainty import NO_STEP, steps_before_change
from onrecord.kit.sql.db import Row
from onrecord.projections import queries
from onrecord.query.answers.serialize_position import change_certainty
from onrecord.query.read_context import ReadContext

MAX_CANDIDATES: Final = 50
"""Steps that may have come before one, or overlap it, and that one. With N steps of one year there
may be N for each of them: a page of 500 would have millions.
"""


async def read_bases_of_alternatives(context: ReadContext, rows: Sequence[Row]) -> None:
    """Add `basis` and `retracted_basis` to the column `candidates` of these rows of one size,
    apart from each row's own position.
    """
    if others := other_candidates(rows):
        at_size = replace(context, known_size=rows[0]["known_size"])
        add_bases(others, await at_size.rows(queries.BASES, ids=ids_of(others)))


async def read_alternatives_of_changes(context: ReadContext, rows: Sequence[Row]) -> None:
    """Add the column `alternatives` to these rows of steps of one size that are only possible."""
    if changes := possible_changes(rows):
        at_size = replace(context, known_size=rows[0]["known_size"])
        params = steps_before_params(changes)
        timelines = await at_size.rows(queries.STEPS_BEFORE, **params)
        # long timelines of inexact dates keep a CPU busy for some 100 ms
        others = await asyncio.to_thread(add_alternatives, changes, timelines)
        if others:
            add_bases(others, await at_size.rows(queries.BASES, ids=ids_of(others)))


def possible_changes(rows: Sequence[Row]) -> dict[str, Row]:
    """The rows of steps that are only possible, by their ids."""
    present = (row for row in rows if row["id"] is not None)
    return {str(row["id"]): row for row in present if change_certainty(row) == "possible"}


def steps_before_params(changes: Mapping[str, Row]) -> dict[str, Any]:
    """The parameters of `queries.STEPS_BEFORE`, besides the size."""
    return {"ids": list(changes), "max_candidates": MAX_CANDIDATES + 1}


def add_alternatives(changes: Mapping[str, Row], timelines: Iterable[Row]) -> list[dict[str, Any]]:
    """Add the column `alternatives` to rows of steps, from rows of `queries.STEPS_BEFORE`; the
    alternatives that have no basis yet. The column is None where there are too many.
    """
    for timeline in timelines:
        row = changes[str(timeline["id"])]
        if len(timeline["candidates"]) > MAX_CANDIDATES:
            row["alternatives"] = None
            continue
        before = steps_before_change(str(row["id"]), timeline["candidates"])
        previous = row["before_id"] and str(row["before_id"])
        row["alternatives"] = [step for step in before if step["id"] != previous]
    listed = [row["alternatives"] or () for row in changes.values()]
    return [step for steps in listed for step in steps if step is not NO_STEP]


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
