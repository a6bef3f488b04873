"""What changed, and what asks to be looked at again?

The addresses of the read door that go through all lines. Each answers with a page, as `routes`.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.dates import bounds, last_instant
from onrecord.kit.http import paging
from onrecord.kit.http.problems import responses
from onrecord.kit.http.read_routes import ReadRoute
from onrecord.projections import actors, positions, queries, review, statements
from onrecord.projections.changes import fold
from onrecord.projections.engine.versions import NEVER
from onrecord.query import serialize
from onrecord.query.findings import finding
from onrecord.query.params import ChangeSearch, ReviewSearch
from onrecord.query.read_context import begin
from onrecord.query.responses import listed, page
from onrecord.query.routes import NOT_MODIFIED
from onrecord.query.schemas import Listed, Review, Step

router = APIRouter(
    prefix="/v1",
    tags=["read"],
    route_class=ReadRoute,
    responses={**NOT_MODIFIED, **responses(422, 503)},
)

_LATEST: Final = datetime.max.replace(tzinfo=UTC)


@router.get("/changes", response_model=Listed[Step])
async def list_changes(request: Request, ask: Annotated[ChangeSearch, Query()]) -> Response:
    """Steps with their kind and size, last recorded first, or last held. What was corrected is
    shown as it is believed now, in its old place: that we were wrong is no change of theirs.
    """
    start = (NEVER,) if ask.by == "known" else (_LATEST, 2**31 - 1, NEVER)
    reading, place = await begin(request, ask, positions.NAME, fold.NAME, actors.NAME, start=start)
    given: dict[str, Any] = {"actor": ask.actor, "topic": ask.topic, "change_size": ask.change_size}
    given |= {"kinds": ask.kind or None, **_span(ask)}
    filters = {name: value for name, value in given.items() if value is not None}
    named = dict(zip(_PLACES[ask.by], place, strict=True))
    rows = await reading.rows(
        queries.changes_page(ask.by, frozenset(filters)), limit=ask.limit + 1, **filters, **named
    )
    key = _PLACES[ask.by]
    return listed(
        request, reading, rows, ask.limit, serialize.step, key=lambda row: [row[one] for one in key]
    )


_PLACES: Final = {"known": ("made_seq",), "valid": ("valid_from", "ord", "made_seq")}


def _span(ask: ChangeSearch) -> dict[str, datetime | None]:
    """From the first instant of the dates named, to the last."""
    spans = {}
    for name in ("effective", "recorded"):
        start, end = getattr(ask, f"{name}_from"), getattr(ask, f"{name}_to")
        spans[f"{name}_from"] = bounds(start).earliest if start else None
        spans[f"{name}_to"] = last_instant(end) if end else None
    return spans


@router.get("/review", response_model=Listed[Review])
async def list_review(request: Request, ask: Annotated[ReviewSearch, Query()]) -> Response:
    """What on record asks to be looked at again: statements that contradict the position held when
    they were said, positions that nothing first-hand supports any more, statements recorded twice.

    A request looks at a number of candidates only: a page may be short, and even empty, and still
    have a next one.
    """
    kinds = [one for one in review.REVIEW_QUERIES if one in ask.kind or not ask.kind]
    names = (statements.NAME, positions.NAME, fold.NAME, actors.NAME)
    reading, (at, after) = await begin(request, ask, *names, start=(kinds[0], ""))
    if at not in kinds or not re.fullmatch(review.AFTER_PATTERNS[at], after):
        raise paging.not_ours()
    after = after or review.FIRST_AFTER[at]
    looking = review.MAX_CANDIDATES[at]
    rows = await reading.rows(review.REVIEW_QUERIES[at], after=after, max_candidates=looking)
    found = [row for row in rows if row["statement"] is not None]
    next_: tuple[str, str] | None = None
    if len(found) > ask.limit:
        cut = found[ask.limit - 1]["place"]
        found = [row for n, row in enumerate(found) if n < ask.limit or row["place"] == cut]
        next_ = (at, cut)
    elif rows[0]["candidate_count"] == looking:
        next_ = (at, rows[0]["last"])
    elif later := kinds[kinds.index(at) + 1 :]:
        next_ = (later[0], "")
    known = reading.known(rows[0])
    cursor = next_ and paging.cursor([known.size, known.provisional, *next_])
    return page(request, [finding(at, row) for row in found], cursor, known)
