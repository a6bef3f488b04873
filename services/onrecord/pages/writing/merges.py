"""Pages that merge an actor into another, and end a merge, each with what follows from it."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.ids import Slug
from onrecord.domain.requests import Request as WriteRequest
from onrecord.ingest import write_requests
from onrecord.ingest.recorder import RecorderDep
from onrecord.ingest.schemas import MergeIn, UnmergeIn
from onrecord.pages.writing.form_page import form_page, go_to
from onrecord.pages.writing.forms import Draft, FormDep, PageForm, blank_form
from onrecord.pages.writing.name_fields import NameChoice, resolve_name_fields
from onrecord.pages.writing.submission import FormProblem, PlannedWrite, submit
from onrecord.query.params import AtSize, PagedAsOf
from onrecord.query.position_routes import list_actor_positions
from onrecord.query.read_context import ReadResources, ReadResourcesDep
from onrecord.query.registry_routes import read_actor

router = APIRouter(include_in_schema=False)
_FOLDER = "/actors/{actor}"


@router.get(f"{_FOLDER}/merge")
async def show_merge(
    request: Request,
    resources: ReadResourcesDep,
    actor: Slug,
    params: Annotated[AtSize, Query()],
) -> Response:
    """What a merge means for readers."""
    return await _page(request, resources, "merge.html", blank_form(), actor, params)


@router.post(f"{_FOLDER}/merge")
async def submit_merge(
    request: Request, resources: ReadResourcesDep, recorder: RecorderDep, actor: Slug, form: FormDep
) -> Response:
    """Record the merge."""
    choices = await resolve_name_fields(request, resources, form, {"into": "actor"})
    draft = Draft({"id": str(form.id)})
    into = choices["into"].id if "into" in choices else None
    draft.put("/into", "into", into)
    draft.put("/reason", "reason", form.text("reason"))

    def make(body: MergeIn) -> WriteRequest:
        return write_requests.actor_merge(body, form.id, actor)

    try:
        if form.is_faulty:
            raise FormProblem(422, "invalid")
        planned = PlannedWrite(draft, MergeIn, make)
        (answer,) = await submit(form, recorder, [planned], dry_run=False)
    except FormProblem as problem:
        at, status = AtSize(), problem.status
        return await _page(
            request, resources, "merge.html", form, actor, at, status=status, choices=choices
        )
    return go_to(f"/actors/{quote(into or actor, safe='')}", answer)


@router.get(f"{_FOLDER}/unmerge")
async def show_unmerge(
    request: Request,
    resources: ReadResourcesDep,
    actor: Slug,
    params: Annotated[AtSize, Query()],
) -> Response:
    """What the end of a merge means for readers."""
    return await _page(request, resources, "unmerge.html", blank_form(), actor, params)


@router.post(f"{_FOLDER}/unmerge")
async def submit_unmerge(
    request: Request, resources: ReadResourcesDep, recorder: RecorderDep, actor: Slug, form: FormDep
) -> Response:
    """Record the end of the merge."""
    draft = Draft({"id": str(form.id)})
    draft.put("/reason", "reason", form.text("reason"))

    def make(body: UnmergeIn) -> WriteRequest:
        return write_requests.actor_unmerge(body, form.id, actor)

    try:
        planned = PlannedWrite(draft, UnmergeIn, make)
        (answer,) = await submit(form, recorder, [planned], dry_run=False)
    except FormProblem as problem:
        at, status = AtSize(), problem.status
        return await _page(request, resources, "unmerge.html", form, actor, at, status=status)
    return go_to(f"/actors/{quote(actor, safe='')}", answer)


async def _page(
    request: Request,
    resources: ReadResources,
    template: str,
    form: PageForm,
    slug: str,
    at: AtSize,
    *,
    status: int | None = None,
    choices: dict[str, NameChoice] | None = None,
) -> Response:
    actor = await read_actor(request, resources, slug, at)
    page = await list_actor_positions(request, resources, slug, PagedAsOf(limit=500))
    values: dict[str, Any] = {"choices": choices or {}, "positions": page.items}
    return form_page(
        request,
        template,
        form,
        status=status,
        actor=actor,
        has_more_positions=page.cursor is not None,
        **values,
    )
