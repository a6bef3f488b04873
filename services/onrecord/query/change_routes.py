"""What changed, and what asks to be looked at again?

The addresses of the read door that go through all lines. Each answers with a page, as `routes`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.dates import bounds, last_instant
from onrecord.kit.problems import responses
from onrecord.kit.strict_routes import StrictRoute
from onrecord.projections import actors, changes, changes_read, positions
from onrecord.projections.versions import NEVER
from onrecord.query import shape
from onrecord.query.answers import listed
from onrecord.query.reading import begin
from onrecord.query.routes import NOT_MODIFIED, Reads
from onrecord.query.schemas import ChangeSearch, Listed, Step

router = APIRouter(
    prefix="/v1",
    tags=["read"],
    route_class=StrictRoute,
    responses={**NOT_MODIFIED, **responses(422, 503)},
)

_LATEST: Final = datetime.max.replace(tzinfo=UTC)


@router.get("/changes", response_model=Listed[Step])
async def list_changes(
    request: Request, pool: Reads, ask: Annotated[ChangeSearch, Query()]
) -> Response:
    """Steps with their kind and size, last recorded first, or last held. What was corrected is
    shown as it is believed now, in its old place: that we were wrong is no change of theirs.
    """
    start = (NEVER,) if ask.by == "known" else (_LATEST, 2**31 - 1, NEVER)
    reading, place = await begin(pool, ask, positions.NAME, changes.NAME, actors.NAME, start=start)
    given: dict[str, Any] = {"actor": ask.actor, "topic": ask.topic, "change_size": ask.change_size}
    given |= {"kinds": ask.kind or None, **_span(ask)}
    filters = {name: value for name, value in given.items() if value is not None}
    named = dict(zip(_PLACES[ask.by], place, strict=True))
    rows = await reading.rows(
        changes_read.listing(ask.by, frozenset(filters)), limit=ask.limit + 1, **filters, **named
    )
    key = _PLACES[ask.by]
    return listed(
        request, reading, rows, ask.limit, shape.step, key=lambda row: [row[one] for one in key]
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
