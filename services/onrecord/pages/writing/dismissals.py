"""The form of the review that leaves a finding as it is, with a reason."""

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from onrecord.domain.requests import Request as WriteRequest
from onrecord.ingest import write_requests
from onrecord.ingest.recorder import REFUSALS, RecorderDep
from onrecord.ingest.schemas import DismissalIn
from onrecord.pages.writing.forms import Draft, FormDep
from onrecord.pages.writing.review import review_page
from onrecord.pages.writing.submission import FormProblem, PlannedWrite, submit
from onrecord.query.params import ReviewSearch
from onrecord.query.read_context import ReadResourcesDep

router = APIRouter(include_in_schema=False)


@router.post("/review")
async def submit_dismissal(
    request: Request, resources: ReadResourcesDep, recorder: RecorderDep, form: FormDep
) -> Response:
    """Record that a finding is left as it is, and go on with the others."""
    size = form.value("known_size")
    draft = Draft({"id": str(form.id)})
    for name in ("kind", "certainty", "position", "reason"):
        draft.put(f"/{name}", name, form.text(name))
    draft.put("/statements", "kind", form.values("statements"))
    draft.put("/known_size", "kind", int(size) if size.isdecimal() else size)

    def make(body: DismissalIn) -> WriteRequest:
        return write_requests.new_dismissal(body, form.id)

    planned = PlannedWrite(draft, DismissalIn, make)
    try:
        (answer,) = await submit(form, recorder, [planned], dry_run=False)
    except FormProblem as problem:
        form.faults += [REFUSALS[problem.code][1]] if problem.code in REFUSALS else []
        params = ReviewSearch(cursor=form.text("cursor"))
        return await review_page(request, resources, params, submitted=form, status=problem.status)
    return RedirectResponse(f"/review?min_size={answer.size}", 303)
