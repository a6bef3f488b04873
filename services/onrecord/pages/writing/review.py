"""The page of the review: what asks to be looked at again, and the forms that resolve it."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.finding_kinds import FindingKind
from onrecord.pages.clocks import clocks_of
from onrecord.pages.rendering import render
from onrecord.pages.sentences import N_
from onrecord.query.answers.record_schemas import PositionRecord
from onrecord.query.answers.schemas import Review
from onrecord.query.change_routes import list_review
from onrecord.query.grid_routes import read_recorded_position
from onrecord.query.params import AtSize, ReviewSearch
from onrecord.query.read_context import ReadResourcesDep
from onrecord.query.registry_routes import read_statement

router = APIRouter(include_in_schema=False)
_HEADINGS: Final[dict[FindingKind, str]] = {
    "contradiction": N_("Words that contradict a position"),
    "unsupported": N_("A position that no statement supports any more"),
    "same_words": N_("A statement that is recorded twice"),
}
_MAX_FINDINGS: Final = 20
"""Of a page: each has the words and the position, which take a query each."""


@dataclass(frozen=True)
class ShownFinding:
    """A finding with the statements and the position that it is about."""

    finding: Review
    statement: dict[str, Any]
    other: dict[str, Any] | None
    position: PositionRecord | None


@router.get("/review")
async def show_review(
    request: Request, resources: ReadResourcesDep, params: Annotated[ReviewSearch, Query()]
) -> Response:
    """Findings as sentences, with the words beside the position."""
    params = params.model_copy(update={"limit": min(params.limit, _MAX_FINDINGS)})
    page = await list_review(request, resources, params)
    at = AtSize(known_size=page.about["known"].size)
    findings = []
    for finding in page.items:
        statement = await read_statement(request, resources, finding.statement, at)
        other = position = None
        if finding.other:
            other = await read_statement(request, resources, finding.other, at)
        if finding.position:
            position = await read_recorded_position(request, resources, finding.position, at)
        findings.append(ShownFinding(finding, statement, other, position))
    return render(
        request,
        "writing/review.html",
        findings=findings,
        headings=_HEADINGS,
        cursor=page.cursor,
        clocks=clocks_of(request, page.about["known"]),
    )
