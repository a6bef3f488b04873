"""Pages that correct and retract a position, each with what follows from it."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain import events
from onrecord.domain.requests import Request as WriteRequest
from onrecord.ingest import write_requests
from onrecord.ingest.recorder import RecorderDep
from onrecord.ingest.schemas import PositionCorrectionIn, RetractionIn
from onrecord.pages.paths import timeline_path
from onrecord.pages.writing.form_page import form_page, go_to
from onrecord.pages.writing.forms import Draft, FormDep, PageForm, blank_form
from onrecord.pages.writing.position_form import position_draft, statements_about
from onrecord.pages.writing.submission import FormProblem, PlannedWrite, submit
from onrecord.query.answers.record_schemas import PositionRecord
from onrecord.query.grid_routes import read_recorded_position
from onrecord.query.params import AtSize
from onrecord.query.read_context import ReadResources, ReadResourcesDep

router = APIRouter(include_in_schema=False)
_FOLDER = "/positions/{target}"
_SHOWN = ("stance", "condition", "summary", "coder", "rationale")


@router.get(f"{_FOLDER}/correct")
async def show_position_correction(
    request: Request,
    resources: ReadResourcesDep,
    target: UUID,
    params: Annotated[AtSize, Query()],
) -> Response:
    """The position as it stands, to correct."""
    position = await read_recorded_position(request, resources, target, params)
    form = blank_form(**{name: getattr(position, name) or "" for name in _SHOWN})
    form.set_date("effective", position.effective)
    form.set("basis", *map(str, position.basis))
    return await _page(request, resources, "correct_position.html", form, position)


@router.post(f"{_FOLDER}/correct")
async def submit_position_correction(
    request: Request,
    resources: ReadResourcesDep,
    recorder: RecorderDep,
    target: UUID,
    form: FormDep,
) -> Response:
    """Record the whole corrected state."""
    position = await read_recorded_position(request, resources, target, AtSize())
    kept = {"actor": position.recorded_as, "topic": position.topic, "order": position.order}
    draft = position_draft(form, kept, at="/replacement")
    _put_reason(form, draft)

    def make(body: PositionCorrectionIn) -> WriteRequest:
        return write_requests.amendment(events.PositionCorrected, body, form.id, target)

    planned = PlannedWrite(draft, PositionCorrectionIn, make)
    try:
        (answer,) = await submit(form, recorder, [planned], dry_run=False)
    except FormProblem as problem:
        template = "correct_position.html"
        return await _page(request, resources, template, form, position, status=problem.status)
    return go_to(timeline_path(position.actor, position.topic), answer)


@router.get(f"{_FOLDER}/retract")
async def show_position_retraction(
    request: Request,
    resources: ReadResourcesDep,
    target: UUID,
    params: Annotated[AtSize, Query()],
) -> Response:
    """What a retraction takes out of the timeline."""
    position = await read_recorded_position(request, resources, target, params)
    return await _page(request, resources, "retract_position.html", blank_form(), position)


@router.post(f"{_FOLDER}/retract")
async def submit_position_retraction(
    request: Request,
    resources: ReadResourcesDep,
    recorder: RecorderDep,
    target: UUID,
    form: FormDep,
) -> Response:
    """Record the retraction."""
    position = await read_recorded_position(request, resources, target, AtSize())
    draft = Draft()
    _put_reason(form, draft)

    def make(body: RetractionIn) -> WriteRequest:
        return write_requests.amendment(events.PositionRetracted, body, form.id, target)

    planned = PlannedWrite(draft, RetractionIn, make)
    try:
        (answer,) = await submit(form, recorder, [planned], dry_run=False)
    except FormProblem as problem:
        template = "retract_position.html"
        return await _page(request, resources, template, form, position, status=problem.status)
    return go_to(timeline_path(position.actor, position.topic), answer)


def _put_reason(form: PageForm, draft: Draft) -> None:
    draft.document["id"] = str(form.id)
    draft.put("/by", "by", form.text("by"))
    draft.put("/reason", "reason", form.text("reason"))


async def _page(
    request: Request,
    resources: ReadResources,
    template: str,
    form: PageForm,
    position: PositionRecord,
    *,
    status: int | None = None,
) -> Response:
    others = await statements_about(request, resources, position.actor, position.topic)
    standing = [
        vars(statement) if not isinstance(statement, Mapping) else statement
        for statement in position.statements
    ]
    by_id: dict[str, Mapping[str, Any]] = {str(s["id"]): s for s in (*standing, *others)}
    return form_page(
        request,
        template,
        form,
        status=status,
        position=position,
        statements=list(by_id.values()),
    )
