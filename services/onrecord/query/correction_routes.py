"""Route of the read API over all corrections and retractions. It lists pages."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from onrecord.kit.http.problems import responses
from onrecord.kit.lists.list_route import ListRoute
from onrecord.kit.lists.page import Page
from onrecord.projections import actors, positions, queries, statements, topics
from onrecord.projections.engine.versions import NEVER
from onrecord.query.answers.correction_schemas import Correction
from onrecord.query.answers.schemas import Listed
from onrecord.query.answers.serialize_correction import serialize_correction
from onrecord.query.filters import resolve_actors
from onrecord.query.params import CorrectionSearch
from onrecord.query.read_context import ReadResourcesDep, begin_read
from onrecord.query.responses import NOT_MODIFIED, page_of_rows

router = APIRouter(
    prefix="/v1",
    tags=["read API"],
    route_class=ListRoute,
    responses={**NOT_MODIFIED, **responses(422, 503)},
)
_PROJECTIONS: Final = (statements.NAME, positions.NAME, actors.NAME, topics.NAME)


@router.get("/corrections", response_model=Listed[Correction])
async def list_corrections(
    request: Request, resources: ReadResourcesDep, params: Annotated[CorrectionSearch, Query()]
) -> Page:
    """What was corrected or retracted on record, last recorded first, with what stood before."""
    context, (before,) = await begin_read(request, resources, params, *_PROJECTIONS, start=(NEVER,))
    context, wanted_actors = await resolve_actors(context, params.actor)
    candidates = {"actors": wanted_actors, "topics": params.topic}
    filters = {name: value for name, value in candidates.items() if value}
    rows = await context.rows(
        queries.corrections_page(filters), **filters, before=before, limit=params.limit + 1
    )
    return page_of_rows(
        request,
        context,
        rows,
        limit=params.limit,
        present="seq",
        serialize=serialize_correction,
        key=lambda row: [row["seq"]],
    )
