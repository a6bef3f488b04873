"""The home page: what changed in the last days, and the size and date of the record."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from onrecord.pages.clocks import clocks_of
from onrecord.pages.rendering import render
from onrecord.query.change_routes import list_changes
from onrecord.query.params import ChangeSearch
from onrecord.query.read_context import ReadResourcesDep

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show_home(
    request: Request, resources: ReadResourcesDep, params: Annotated[ChangeSearch, Query()]
) -> Response:
    """Changes of position as sentences, last recorded first."""
    page = await list_changes(request, resources, params)
    clocks = clocks_of(request, page.about["known"])
    return render(request, "home.html", steps=page.items, cursor=page.cursor, clocks=clocks)
