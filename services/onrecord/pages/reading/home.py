"""The home page: what changed in the last days, and the size and date of the record."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.kit.http import paging
from onrecord.kit.lists.page import Page
from onrecord.pages.frame.clocks import clocks_of
from onrecord.pages.frame.rendering import render
from onrecord.projections import queries
from onrecord.projections.engine.versions import NEVER
from onrecord.query.answers.correction_schemas import Correction
from onrecord.query.answers.schemas import Known
from onrecord.query.answers.serialize_correction import serialize_correction
from onrecord.query.answers.step_schemas import Step
from onrecord.query.change_routes import list_changes
from onrecord.query.filters import resolve_actors
from onrecord.query.params import ChangeSearch
from onrecord.query.read_context import ReadContext, ReadResourcesDep

router = APIRouter(include_in_schema=False)
MAX_CORRECTIONS: Final = 50
"""Corrections on a page; among the changes of a page there are few."""


@dataclass(frozen=True)
class HomeEntry:
    """An item of the page: a step, or a correction of one."""

    seq: int
    recorded_at: datetime
    step: Step | None
    correction: Correction | None
    is_corrected: bool
    """The step is shown as it was corrected since."""

    @property
    def day(self) -> date:
        return self.recorded_at.astimezone(UTC).date()


@dataclass(frozen=True)
class Day:
    """The items that were recorded on a day; of all days, where the order is another."""

    day: date | None
    entries: Sequence[HomeEntry]


@router.get("/")
async def show_home(
    request: Request, resources: ReadResourcesDep, params: Annotated[ChangeSearch, Query()]
) -> Response:
    """Changes of position and corrections of the record as sentences, last recorded first."""
    page = await list_changes(request, resources, params)
    known = page.about["known"]
    if params.by == "valid":
        return _render(request, known, page.cursor, [Day(None, _entries(page.items, {}))])
    context = ReadContext(resources.pool, known.size, known.provisional)
    times, corrections = await asyncio.gather(
        _recorded_times(context, page.items), _corrections(request, context, params, page)
    )
    entries = [*_entries(page.items, times), *map(_correction_entry, corrections)]
    entries.sort(key=lambda entry: entry.seq, reverse=True)
    days = [Day(day, list(group)) for day, group in groupby(entries, key=lambda entry: entry.day)]
    is_cut = len(corrections) == MAX_CORRECTIONS
    return _render(request, known, page.cursor, days, are_corrections_cut=is_cut)


def _render(
    request: Request,
    known: Known,
    cursor: str | None,
    days: Sequence[Day],
    *,
    are_corrections_cut: bool = False,
) -> Response:
    clocks = clocks_of(request, known)
    return render(
        request,
        "home.html",
        days=days,
        cursor=cursor,
        are_corrections_cut=are_corrections_cut,
        filters=[(name, value) for name, value in clocks.other_parameters if name != "limit"],
        clocks=clocks,
    )


async def _recorded_times(context: ReadContext, steps: Sequence[Step]) -> dict[int, datetime]:
    """When steps came on record, by seq: a step that was corrected has the time of that."""
    if not steps:
        return {}
    rows = await context.rows(queries.RECORDED_TIMES, seqs=[step.seq for step in steps])
    return {row["seq"]: row["recorded_at"] for row in rows}


async def _corrections(
    request: Request, context: ReadContext, params: ChangeSearch, page: Page
) -> Sequence[Correction]:
    """The corrections recorded since the last step of this page and before the page before it.

    None where changes are filtered by what a correction has not.
    """
    if (
        params.kind
        or params.change_size is not None
        or params.effective_from
        or params.effective_to
        or params.recorded_from
        or params.recorded_to
    ):
        return ()
    end_seq = NEVER
    if params.cursor is not None:
        *_, end_seq = paging.key(request, params.cursor, int, bool, int)
    context, actors = await resolve_actors(context, params.actor)
    candidates = {"actors": actors, "topics": params.topic}
    filters: dict[str, Any] = {name: value for name, value in candidates.items() if value}
    if page.cursor:
        filters["first_seq"] = page.items[-1].seq
    query = queries.corrections_page(filters)
    rows = await context.rows(query, **filters, before=end_seq, limit=MAX_CORRECTIONS)
    return [serialize_correction(row) for row in rows if row["seq"] is not None]


def _entries(steps: Sequence[Step], times: Mapping[int, datetime]) -> list[HomeEntry]:
    return [
        HomeEntry(step.seq, made_at, step, None, step.recorded_at != made_at)
        for step in steps
        for made_at in (times.get(step.seq, step.recorded_at),)
    ]


def _correction_entry(correction: Correction) -> HomeEntry:
    return HomeEntry(correction.seq, correction.recorded_at, None, correction, False)
