"""The page of a statement, its quote card: exact words, speakers, dates, sources, corrections."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from onrecord.pages.clocks import clocks_of
from onrecord.pages.rendering import render
from onrecord.query.params import AtSize
from onrecord.query.read_context import ReadResourcesDep
from onrecord.query.registry_routes import read_statement

router = APIRouter(include_in_schema=False)


@router.get("/statements/{id}")
async def show_statement(
    request: Request, resources: ReadResourcesDep, id: UUID, params: Annotated[AtSize, Query()]
) -> Response:
    """The words as they stand on record, and who reports them."""
    statement = await read_statement(request, resources, id, params)
    clocks = clocks_of(request, statement["known"])
    return render(request, "statement.html", statement=statement, clocks=clocks)
