"""Route of the read API that says whether the words of a quote are on record.

The database finds statements that share runs of words with the quote, by an index of trigrams;
`domain.quotes` compares them.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from onrecord.domain.quotes.compare import read_quote
from onrecord.domain.quotes.pieces import longest_pieces, short_pieces
from onrecord.kit.http.problems import responses
from onrecord.kit.sql.db import Row
from onrecord.projections import actors, queries, statements
from onrecord.query.answers.quote_schemas import QuoteAnswer
from onrecord.query.answers.serialize_quote import QuotedRow, best_matches, serialize_match
from onrecord.query.filters import require_known_names, resolve_actors
from onrecord.query.params import QuoteParams
from onrecord.query.read_context import ReadContext, ReadResources, ReadResourcesDep, begin_read
from onrecord.query.responses import NOT_MODIFIED, with_etag

router = APIRouter(
    prefix="/v1", tags=["read API"], responses={**NOT_MODIFIED, **responses(422, 503)}
)

_MAX_HITS: Final = 1_000
"""Statements with a piece that are counted. Frequent words are in many; none of them is near."""
_MAX_COMPARED: Final = 50
"""Statements that are compared with the quote."""


@router.get("/quotes/check", response_model=QuoteAnswer)
async def check_quoted_words(
    request: Request, resources: ReadResourcesDep, params: Annotated[QuoteParams, Query()]
) -> Response:
    """Whether these are the words: exact, the same but for typing, different in some, or not found.

    The quote may be a passage of a statement or of its original; `...` in it stands for words left
    out. Erased words match at no size.
    """
    return with_etag(request, vars(await answer_quote(request, resources, params)))


async def answer_quote(
    request: Request, resources: ReadResources, params: QuoteParams
) -> QuoteAnswer:
    """The answer to a quote, for JSON and for pages. Raises `Problem`."""
    context, _ = await begin_read(request, resources, params, statements.NAME, actors.NAME)
    context = await context.settled(statements.NAME, actors.NAME)
    context, wanted_actors = await resolve_actors(context, params.actor)
    quote = read_quote(params.text)
    for pieces in (longest_pieces(params.text), short_pieces(params.text)):
        rows = await _candidates(context, quote.whole.text, pieces, wanted_actors)
        await require_known_names(context, rows[0])
        found = [row for row in rows if row["id"] is not None]
        matches: list[QuotedRow] = await run_in_threadpool(best_matches, quote, found)
        if matches and matches[0].passage.verdict != "differs":
            break
    return QuoteAnswer(
        text=params.text,
        verdict=matches[0].passage.verdict if matches else "not_found",
        matches=[serialize_match(match, resources.public_url) for match in matches],
        known=context.state_of(rows[0]),
    )


async def _candidates(
    context: ReadContext, text: str, pieces: list[str], wanted_actors: list[str]
) -> Sequence[Row]:
    filters = {"actors": wanted_actors} if wanted_actors else {}
    return await context.rows(
        queries.quoted_statements(filters),
        **filters,
        text=text,
        pieces=pieces,
        max_hits=_MAX_HITS,
        limit=_MAX_COMPARED,
    )
