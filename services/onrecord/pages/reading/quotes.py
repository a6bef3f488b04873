"""The page that says whether the words of a quote are on record."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from onrecord.pages.frame.clocks import clocks_of
from onrecord.pages.frame.rendering import render
from onrecord.query.params import AtSize, QuoteParams
from onrecord.query.quote_routes import answer_quote
from onrecord.query.read_context import ReadResourcesDep

router = APIRouter(include_in_schema=False)


@router.get("/quotes")
async def show_quote_form(request: Request, params: Annotated[AtSize, Query()]) -> Response:
    """The field for the quote."""
    return render(request, "quotes.html", params=params, text="", answer=None, clocks=None)


@router.get("/quotes/check")
async def show_quote_check(
    request: Request, resources: ReadResourcesDep, params: Annotated[QuoteParams, Query()]
) -> Response:
    """The quote beside the words on record, with what differs."""
    answer = await answer_quote(request, resources, params)
    clocks = clocks_of(request, answer.known)
    return render(
        request, "quotes.html", params=params, text=params.text, answer=answer, clocks=clocks
    )
