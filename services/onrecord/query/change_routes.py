"""Routes of the read API over all timelines: changes, and findings to review. Each lists pages."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from onrecord.domain.dates import bounds, last_instant
from onrecord.kit.http import paging
from onrecord.kit.http.problems import responses
from onrecord.kit.lists.list_route import ListRoute
from onrecord.kit.lists.page import Page
from onrecord.projections import (
    actors,
    dismissals,
    positions,
    queries,
    review,
    statements,
    topics,
)
from onrecord.projections.changes import fold
from onrecord.projections.engine.versions import NEVER
from onrecord.query.alternatives import read_alternatives_of_changes
from onrecord.query.answers.findings import serialize_finding
from onrecord.query.answers.schemas import Listed, Review
from onrecord.query.answers.serialize_position import serialize_change
from onrecord.query.answers.step_schemas import Step
from onrecord.query.filters import require_known_names, resolve_actors
from onrecord.query.params import ChangeSearch, ReviewSearch
from onrecord.query.read_context import ReadResourcesDep, begin_read
from onrecord.query.responses import NOT_MODIFIED, page_of, page_of_rows
from onrecord.query.review_pages import Place, find_page

router = APIRouter(
    prefix="/v1",
    tags=["read API"],
    route_class=ListRoute,
    responses={**NOT_MODIFIED, **responses(422, 503)},
)

_PROJECTIONS: Final = (statements.NAME, positions.NAME, fold.NAME, actors.NAME, topics.NAME)
_REVIEW_PROJECTIONS: Final = (*_PROJECTIONS, dismissals.NAME)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)
_SORT_KEYS: Final = {"known": ("made_seq",), "valid": ("valid_from", "ord", "made_seq")}
"""Columns of the sort key by the parameter `by`."""


@router.get("/changes", response_model=Listed[Step])
async def list_changes(
    request: Request, resources: ReadResourcesDep, params: Annotated[ChangeSearch, Query()]
) -> Page:
    """Steps with their kind and size, last recorded first, or last held. What was corrected is
    shown as it is believed now, in its old place: that we were wrong is no change of theirs.
    """
    start = (NEVER,) if params.by == "known" else (_LATEST, 2**31 - 1, NEVER)
    context, key = await begin_read(request, resources, params, *_PROJECTIONS, start=start)
    context, wanted_actors = await resolve_actors(context, params.actor)
    candidates: dict[str, Any] = {
        "actors": wanted_actors or None,
        "topics": params.topic or None,
        "change_size": params.change_size,
        "kinds": params.kind or None,
        **_date_range(params),
    }
    filters = {name: value for name, value in candidates.items() if value is not None}
    columns = _SORT_KEYS[params.by]
    rows = await context.rows(
        queries.changes_page(params.by, frozenset(filters)),
        limit=params.limit + 1,
        **filters,
        **dict(zip(columns, key, strict=True)),
    )
    await require_known_names(context, rows[0])
    await read_alternatives_of_changes(context, rows)
    return page_of_rows(
        request,
        context,
        rows,
        limit=params.limit,
        serialize=serialize_change,
        key=lambda row: [row[column] for column in columns],
    )


def _date_range(params: ChangeSearch) -> dict[str, datetime | None]:
    """The first instant of each date `..._from` and the last instant of each date `..._to`."""
    instants = {}
    for name in ("effective", "recorded"):
        start, end = getattr(params, f"{name}_from"), getattr(params, f"{name}_to")
        instants[f"{name}_from"] = bounds(start).earliest if start else None
        instants[f"{name}_to"] = last_instant(end) if end else None
    return instants


@router.get("/review", response_model=Listed[Review])
async def list_review(
    request: Request, resources: ReadResourcesDep, params: Annotated[ReviewSearch, Query()]
) -> Page:
    """What on record asks to be looked at again: statements that contradict the position held when
    they were said, positions that nothing first-hand supports any more, statements recorded twice.

    A finding can be left as it is: POST its `dismiss`, with a `reason` and the `known.size` of this
    page as `known_size`, to `/v1/review/dismissals`. Then it is listed with `dismissed=true` only,
    until something that it is about changes.

    There is a `next` if and only if more findings follow. Each page looks at all it needs for that:
    on a large record with few findings a page may be short, and the last one takes longer, tens of
    seconds for a million statements.
    """
    kinds = [kind for kind in review.REVIEW_QUERIES if kind in params.kind or not params.kind]
    context, (kind, after) = await begin_read(
        request, resources, params, *_REVIEW_PROJECTIONS, start=(kinds[0], "")
    )
    if kind not in kinds or not re.fullmatch(review.AFTER_PATTERNS[kind], after):
        raise paging.invalid_cursor()
    context = await context.settled(*_REVIEW_PROJECTIONS)
    start = Place(kind, after)
    findings, next_place, row = await find_page(
        request, context, kinds, start, params.limit, dismissed=params.dismissed
    )
    state = context.state_of(row)
    cursor = next_place and paging.cursor(request, [state.size, state.provisional, *next_place])
    items = [serialize_finding(finding.place.kind, finding.row) for finding in findings]
    return page_of(items, cursor, state)
