"""The pages of the grid: actors by topics, and some actors side by side."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.pages.frame.clocks import clocks_of
from onrecord.pages.frame.rendering import render
from onrecord.pages.position_table import position_table
from onrecord.query.grid_routes import list_positions
from onrecord.query.params import GridSearch
from onrecord.query.read_context import ReadResourcesDep

router = APIRouter(include_in_schema=False)
_CELLS: Final = 500
"""Positions that a page shows at most, unless `limit` says fewer."""


@router.get("/grid")
async def show_grid(
    request: Request, resources: ReadResourcesDep, params: Annotated[GridSearch, Query()]
) -> Response:
    """Who stands where: a row for each actor, a column for each topic."""
    page = await list_positions(request, resources, _widened(params))
    return render(
        request,
        "grid.html",
        table=position_table(page.items, rows="actor"),
        params=params,
        cursor=page.cursor,
        clocks=clocks_of(request, page.about["known"]),
    )


@router.get("/compare")
async def show_comparison(
    request: Request, resources: ReadResourcesDep, params: Annotated[GridSearch, Query()]
) -> Response:
    """Actors side by side: a row for each topic, which says whether they stand together."""
    page = await list_positions(request, resources, _widened(params)) if params.actor else None
    return render(
        request,
        "compare.html",
        table=position_table(page.items if page else [], rows="topic"),
        params=params,
        cursor=page.cursor if page else None,
        clocks=clocks_of(request, page.about["known"]) if page else None,
    )


def _widened(params: GridSearch) -> GridSearch:
    if "limit" in params.model_fields_set:
        return params
    return params.model_copy(update={"limit": _CELLS})
