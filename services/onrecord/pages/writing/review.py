"""The page of the review: what asks to be looked at again, and the forms that resolve it."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.finding_kinds import FindingKind
from onrecord.pages.frame.clocks import clocks_of
from onrecord.pages.frame.rendering import render
from onrecord.pages.sentences import N_
from onrecord.pages.writing import labels
from onrecord.pages.writing.forms import PageForm, blank_form
from onrecord.query.answers.record_schemas import PositionRecord
from onrecord.query.answers.schemas import Review
from onrecord.query.change_routes import list_review
from onrecord.query.grid_routes import read_recorded_position
from onrecord.query.params import AtSize, ReviewSearch
from onrecord.query.read_context import ReadResources, ReadResourcesDep
from onrecord.query.registry_routes import read_statement

router = APIRouter(include_in_schema=False)
_HEADINGS: Final[dict[FindingKind, str]] = {
    "contradiction": N_("Words that contradict a position"),
    "unsupported": N_("A position that no statement supports any more"),
    "same_words": N_("A statement that is recorded twice"),
}
_SUBJECT: Final = ("kind", "statements", "position")
"""The fields that say which finding a form is about."""
_MAX_FINDINGS: Final = 20
"""Of a page: each has the words and the position, which take a query each."""


@dataclass(frozen=True)
class ShownFinding:
    """A finding with the statements and the position that it is about."""

    finding: Review
    statement: dict[str, Any]
    other: dict[str, Any] | None
    position: PositionRecord | None
    form: PageForm
    """Leaves the finding as it is."""


@router.get("/review")
async def show_review(
    request: Request, resources: ReadResourcesDep, params: Annotated[ReviewSearch, Query()]
) -> Response:
    """Findings as sentences, with the words beside the position."""
    return await review_page(request, resources, params)


async def review_page(
    request: Request,
    resources: ReadResources,
    params: ReviewSearch,
    *,
    submitted: PageForm | None = None,
    status: int = 200,
) -> Response:
    """A page of findings; one of them has the form that was submitted and is faulty."""
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
        form = blank_form(
            kind=finding.kind,
            certainty=finding.certainty,
            position=str(finding.dismiss.position or ""),
            known_size=str(at.known_size),
            cursor=params.cursor or "",
        )
        form.set("statements", *map(str, finding.dismiss.statements))
        if submitted and all(form.values(name) == submitted.values(name) for name in _SUBJECT):
            form = submitted
            form.set("known_size", str(at.known_size))  # what is shown now is decided about
        findings.append(ShownFinding(finding, statement, other, position, form))
    return render(
        request,
        "writing/review.html",
        status=status,
        labels=labels,
        faults=_faults(submitted) if submitted else [],
        findings=findings,
        headings=_HEADINGS,
        cursor=page.cursor,
        clocks=clocks_of(request, page.about["known"]),
    )


def _faults(form: PageForm) -> list[str]:
    """What is wrong with the finding itself."""
    others = [form.errors[name] for name in form.errors if name != "reason"]
    return [*form.faults, *(message for messages in others for message in messages)]
