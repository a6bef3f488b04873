"""Pages that record a statement: paste an article, mark a passage, see what will stand, record.

All state is in the fields of the form. Nothing is recorded before the last step.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from onrecord.ingest import write_requests
from onrecord.ingest.recorder import Recorder, RecorderDep
from onrecord.ingest.schemas import SimilarStatement, StatementIn
from onrecord.pages.sentences import N_
from onrecord.pages.writing.articles import ArticlePassage, main_text, text_digest
from onrecord.pages.writing.form_page import form_page, go_to, pretty_json
from onrecord.pages.writing.forms import FormDep, PageForm, blank_form
from onrecord.pages.writing.name_fields import (
    NameChoice,
    registrations_of,
    resolve_name_fields,
)
from onrecord.pages.writing.statement_form import mark_passage, name_fields, statement_draft
from onrecord.pages.writing.submission import FormProblem, PlannedWrite, submit, validated
from onrecord.query.params import AtSize
from onrecord.query.read_context import ReadResources, ReadResourcesDep
from onrecord.query.registry_routes import read_statement

router = APIRouter(include_in_schema=False)
_ADDRESS = "/new/statement"
_NO_TEXT = N_("No text is found in this HTML; paste the text itself")


@router.get(_ADDRESS)
async def show_new_statement(request: Request) -> Response:
    """The first step: the article and its source."""
    form = blank_form(lang="en", mode="verbatim", said_at_basis="stated")
    return form_page(request, "article.html", form)


@router.post(_ADDRESS)
async def submit_new_statement(
    request: Request, resources: ReadResourcesDep, recorder: RecorderDep, form: FormDep
) -> Response:
    """The step that the pressed button names: `article`, `read`, `find`, `check`, `record`."""
    action = form.value("action")
    if action == "article":
        form.set("article", form.value("text"))
        return form_page(request, "article.html", form)
    if action == "read":
        form.set("text", await asyncio.to_thread(main_text, form.value("article")))
        if form.text("article") and not form.text("text"):
            form.fail("article", _NO_TEXT)
            return form_page(request, "article.html", form)
        form.fields.pop("article", None)  # its text goes on, or a page would send both back
        return _details_page(request, form)
    if action in ("edit", "add-speaker"):
        return _details_page(request, form, more_speakers=action == "add-speaker")
    passage, places = mark_passage(form)
    choices = await resolve_name_fields(request, resources, form, name_fields(form))
    if action not in ("check", "record"):
        return _details_page(request, form, places=places, choices=choices, passage=passage)
    try:
        writes = _writes(form, choices, passage)
        statement = validated(form, writes)[-1]
        if form.is_faulty:
            raise FormProblem(422, "invalid")
        answers = await submit(form, recorder, writes, dry_run=action == "check")
    except FormProblem as problem:
        return _details_page(
            request,
            form,
            status=problem.status,
            places=places,
            choices=choices,
            passage=passage,
        )
    if action == "record":
        return go_to(f"/new/position?statement={answers[-1].event}", answers[-1])
    similar = await _similar_statements(request, resources, recorder, form.id, statement)
    return form_page(
        request,
        "preview_statement.html",
        form,
        statement=statement,
        label_of_id={choice.id: choice.label for choice in choices.values()},
        registered=[planned.draft.document for planned in writes[:-1]],
        documents=[pretty_json(planned.draft.document) for planned in writes],
        similar=similar,
        is_recorded=answers[-1].repeated,
    )


def _writes(
    form: PageForm, choices: dict[str, NameChoice], passage: ArticlePassage | None
) -> list[PlannedWrite]:
    """The actors and topics that are new, and the statement."""
    draft = statement_draft(form, choices, passage=passage)
    draft.put("/id", "id", str(form.id))

    def make(body: StatementIn) -> Any:
        return write_requests.new_statement(body, form.id)

    return [*registrations_of(form, choices), PlannedWrite(draft, StatementIn, make)]


def _details_page(
    request: Request,
    form: PageForm,
    *,
    status: int | None = None,
    more_speakers: bool = False,
    places: Sequence[ArticlePassage] = (),
    choices: dict[str, NameChoice] | None = None,
    passage: ArticlePassage | None = None,
) -> Response:
    """The second step: the passage, who said it, when, and how it is read."""
    text = form.value("text")
    return form_page(
        request,
        "details.html",
        form,
        status=status,
        digest=text_digest(text) if text else None,
        more_speakers=more_speakers,
        places=places,
        choices=choices or {},
        passage=passage,
    )


async def _similar_statements(
    request: Request,
    resources: ReadResources,
    recorder: Recorder,
    id_: UUID,
    statement: StatementIn,
) -> list[tuple[SimilarStatement, dict[str, Any]]] | None:
    """Statements on record that may be the same, each as it stands; None: not looked up."""
    lookup = recorder.similar.start(statement)
    if lookup is None:
        return None
    similar = await recorder.similar.finish(lookup, statement, id_)
    if similar is None:
        return None
    return [
        (other, await read_statement(request, resources, other.id, AtSize())) for other in similar
    ]
