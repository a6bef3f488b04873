"""Pages that correct, retract and erase a statement, each with what follows from it."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain import events
from onrecord.domain.requests import Request as WriteRequest
from onrecord.domain.statement import Statement
from onrecord.ingest import write_requests
from onrecord.ingest.recorder import Recorder, RecorderDep
from onrecord.ingest.schemas import ErasureIn, RetractionIn, StatementCorrectionIn
from onrecord.pages.writing.dependents import positions_resting_on
from onrecord.pages.writing.form_page import form_page, go_to
from onrecord.pages.writing.forms import Draft, FormDep, PageForm, blank_form
from onrecord.pages.writing.name_fields import registrations_of, resolve_name_fields
from onrecord.pages.writing.statement_form import (
    KEPT,
    fill_in_statement,
    name_fields,
    state_of_statement,
    statement_draft,
)
from onrecord.pages.writing.submission import FormProblem, PlannedWrite, submit
from onrecord.query.params import AtSize
from onrecord.query.read_context import ReadResources, ReadResourcesDep
from onrecord.query.registry_routes import read_statement

router = APIRouter(include_in_schema=False)
_FOLDER = "/statements/{target}"
AtSizeQuery = Annotated[AtSize, Query()]


@router.get(f"{_FOLDER}/correct")
async def show_statement_correction(
    request: Request, resources: ReadResourcesDep, target: UUID, params: AtSizeQuery
) -> Response:
    """The statement as it stands, to correct."""
    statement = await read_statement(request, resources, target, params)
    form = blank_form(seen_size=str(statement["known"].size))
    fill_in_statement(form, statement)
    return await _page(request, resources, "correct_statement.html", form, statement)


@router.post(f"{_FOLDER}/correct")
async def submit_statement_correction(
    request: Request,
    resources: ReadResourcesDep,
    recorder: RecorderDep,
    target: UUID,
    form: FormDep,
) -> Response:
    """Record the whole corrected state: what the form does not show stays as the editor saw it."""
    template = "correct_statement.html"
    seen = form.value("seen_size")
    at = AtSize(known_size=int(seen) if seen.isdecimal() and len(seen) < 16 else None)
    statement = await read_statement(request, resources, target, at)
    choices = await resolve_name_fields(request, resources, form, name_fields(form))
    if form.value("action") != "record":
        more = {"choices": choices, "more_speakers": form.value("action") == "add-speaker"}
        return await _page(request, resources, template, form, statement, **more)
    base = state_of_statement(statement, Statement.model_fields)
    draft = statement_draft(form, choices, base=base, at="/replacement")
    _put_reason(form, draft)
    planned = PlannedWrite(
        draft, StatementCorrectionIn, _amendment(events.StatementCorrected, form, target)
    )
    try:
        if form.is_faulty:
            raise FormProblem(422, "invalid")
        writes = [*registrations_of(form, choices), planned]
        # all of them are evaluated first: an actor is not registered for a form that is faulty
        await submit(form, recorder, writes, dry_run=True)
        answers = await submit(form, recorder, writes, dry_run=False)
    except FormProblem as problem:
        return await _page(
            request,
            resources,
            template,
            form,
            statement,
            status=problem.status,
            choices=choices,
        )
    return go_to(f"/statements/{target}", answers[-1])


@router.get(f"{_FOLDER}/retract")
async def show_statement_retraction(
    request: Request, resources: ReadResourcesDep, target: UUID, params: AtSizeQuery
) -> Response:
    """What a retraction leaves behind."""
    statement = await read_statement(request, resources, target, params)
    return await _page(request, resources, "retract_statement.html", blank_form(), statement)


@router.post(f"{_FOLDER}/retract")
async def submit_statement_retraction(
    request: Request,
    resources: ReadResourcesDep,
    recorder: RecorderDep,
    target: UUID,
    form: FormDep,
) -> Response:
    """Record the retraction."""
    draft = Draft()
    _put_reason(form, draft)
    make = _amendment(events.StatementRetracted, form, target)
    planned = PlannedWrite(draft, RetractionIn, make)
    return await _submit(
        request, resources, recorder, "retract_statement.html", target, form, planned
    )


@router.get(f"{_FOLDER}/erase")
async def show_statement_erasure(
    request: Request, resources: ReadResourcesDep, target: UUID, params: AtSizeQuery
) -> Response:
    """What an erasure takes away, and what stays."""
    statement = await read_statement(request, resources, target, params)
    return await _page(request, resources, "erase_statement.html", blank_form(), statement)


@router.post(f"{_FOLDER}/erase")
async def submit_statement_erasure(
    request: Request,
    resources: ReadResourcesDep,
    recorder: RecorderDep,
    target: UUID,
    form: FormDep,
) -> Response:
    """Record the erasure."""
    draft = Draft({"id": str(form.id)})
    draft.put("/sections", "sections", form.values("sections"))
    draft.put("/ground", "ground", form.text("ground"))

    def make(body: ErasureIn) -> WriteRequest:
        return write_requests.erasure(body, form.id, target)

    planned = PlannedWrite(draft, ErasureIn, make)
    return await _submit(
        request, resources, recorder, "erase_statement.html", target, form, planned
    )


def _put_reason(form: PageForm, draft: Draft) -> None:
    draft.document["id"] = str(form.id)
    draft.put("/by", "by", form.text("by"))
    draft.put("/reason", "reason", form.text("reason"))


def _amendment(
    event_class: type[events.StatementCorrected | events.StatementRetracted],
    form: PageForm,
    id_: UUID,
) -> Any:
    def make(body: Any) -> WriteRequest:
        return write_requests.amendment(event_class, body, form.id, id_)

    return make


async def _submit(
    request: Request,
    resources: ReadResources,
    recorder: Recorder,
    template: str,
    id_: UUID,
    form: PageForm,
    planned: PlannedWrite,
) -> Response:
    try:
        (answer,) = await submit(form, recorder, [planned], dry_run=False)
    except FormProblem as problem:
        statement = await read_statement(request, resources, id_, AtSize())
        return await _page(request, resources, template, form, statement, status=problem.status)
    return go_to(f"/statements/{id_}", answer)


async def _page(
    request: Request,
    resources: ReadResources,
    template: str,
    form: PageForm,
    statement: Mapping[str, Any],
    **values: Any,
) -> Response:
    resting = await positions_resting_on(request, resources, statement)
    kept = [name for name in KEPT if statement.get(name)]
    defaults = {"choices": {}, "more_speakers": False, "kept": kept, "passage": None}
    values = {**defaults, **values}
    return form_page(request, template, form, statement=statement, resting=resting, **values)
