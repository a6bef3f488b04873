"""The page of a statement, its quote card: exact words, speakers, dates, sources, corrections."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from onrecord.pages.frame.clocks import clocks_of
from onrecord.pages.frame.rendering import render
from onrecord.pages.reading.statement_history import read_corrections_of
from onrecord.query.params import AtSize
from onrecord.query.read_context import ReadContext, ReadResourcesDep
from onrecord.query.registry_routes import read_statement
from onrecord.query.resting_positions import read_resting_positions

router = APIRouter(include_in_schema=False)


@router.get("/statements/{id}")
async def show_statement(
    request: Request, resources: ReadResourcesDep, id: UUID, params: Annotated[AtSize, Query()]
) -> Response:
    """The words as they stand on record, who reports them, and what rests on them."""
    statement = await read_statement(request, resources, id, params)
    known = statement["known"]
    context = ReadContext(resources.pool, known.size, known.provisional)
    (corrections, has_more), resting = await asyncio.gather(
        read_corrections_of(request, resources, statement),
        read_resting_positions(context, id),
    )
    return render(
        request,
        "statement.html",
        statement=statement,
        names=dict(
            zip(
                [speaker["actor"] for speaker in statement["speakers"]],
                statement["speaker_labels"],
                strict=True,
            )
        ),
        topics=dict(zip(statement.get("topics", ()), statement["topic_labels"], strict=True)),
        corrections=corrections,
        has_more_corrections=has_more,
        positions=resting,
        permalink=f"{resources.public_url}/statements/{id}?known_size={known.size}",
        clocks=clocks_of(request, known),
    )
