"""Pages that record a position that follows from a statement, with the change that it is."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from onrecord.domain.references import ActorRef, TopicRef
from onrecord.ingest import write_requests
from onrecord.ingest.recorder import RecorderDep
from onrecord.ingest.schemas import PositionIn
from onrecord.pages.paths import timeline_path
from onrecord.pages.writing.form_page import form_page, go_to, pretty_json
from onrecord.pages.writing.forms import FormDep, PageForm, blank_form
from onrecord.pages.writing.position_form import (
    planned_step,
    position_before,
    position_draft,
    statements_about,
)
from onrecord.pages.writing.submission import FormProblem, PlannedWrite, submit, validated
from onrecord.query.params import AtSize
from onrecord.query.read_context import ReadResources, ReadResourcesDep
from onrecord.query.registry_routes import read_statement
from onrecord.query.responses import not_on_record

router = APIRouter(include_in_schema=False)
_ADDRESS = "/new/position"


class NewPositionParams(AtSize):
    """The statement that a position follows from, and whose it is, on what."""

    statement: UUID
    actor: ActorRef | None = None
    topic: TopicRef | None = None


@router.get(_ADDRESS)
async def show_new_position(
    request: Request, resources: ReadResourcesDep, params: Annotated[NewPositionParams, Query()]
) -> Response:
    """The form, filled in with what the statement says."""
    at = AtSize(min_size=params.min_size)
    statement = await read_statement(request, resources, params.statement, at)
    pairs = pairs_of(statement)
    actor = params.actor or pairs.actors[0]
    topic = params.topic or next(iter(pairs.topics), "")
    readings = {reading["topic"]: reading["stance"] for reading in statement.get("stances", ())}
    form = blank_form(
        statement=str(params.statement),
        actor=actor,
        topic=topic,
        stance=readings.get(topic, ""),
        coder=statement["coder"],
        basis=str(params.statement),
    )
    form.set_date("effective", statement["said_at"])
    return await _position_page(request, resources, form, statement, refresh=True)


@router.post(_ADDRESS)
async def submit_new_position(
    request: Request, resources: ReadResourcesDep, recorder: RecorderDep, form: FormDep
) -> Response:
    """Check the form and show what would change, or record it."""
    statement = await read_statement(request, resources, _uuid(form.value("statement")), AtSize())
    action = form.value("action")
    if action not in ("check", "record"):
        return await _position_page(request, resources, form, statement)
    revision = form.value("expected_revision")
    draft = position_draft(form, {"id": str(form.id)})
    draft.put("/actor", "actor", form.text("actor"))
    draft.put("/topic", "topic", form.text("topic"))
    expected = int(revision) if revision.isdecimal() else revision
    draft.put("/expected_revision", "expected_revision", expected)

    def make(body: PositionIn) -> Any:
        return write_requests.new_position(body, form.id)

    planned = PlannedWrite(draft, PositionIn, make)
    try:
        (body,) = validated(form, [planned])
        (answer,) = await submit(form, recorder, [planned], dry_run=action == "check")
    except FormProblem as problem:
        is_conflict = problem.code == "revision-conflict"
        form.errors.pop("expected_revision", None)
        return await _position_page(
            request,
            resources,
            form,
            statement,
            refresh=is_conflict,
            is_conflict=is_conflict,
            status=problem.status,
        )
    if action == "record":
        return go_to(timeline_path(body.actor, body.topic), answer)
    before = await position_before(request, resources, body.actor, body.topic, body.effective)
    return form_page(
        request,
        "preview_position.html",
        form,
        step=planned_step(before, body),
        body=body,
        document=pretty_json(draft.document),
        is_recorded=answer.repeated,
    )


async def _position_page(
    request: Request,
    resources: ReadResources,
    form: PageForm,
    statement: Mapping[str, Any],
    *,
    status: int | None = None,
    refresh: bool = False,
    is_conflict: bool = False,
) -> Response:
    """The form; with `refresh` it expects the revision of the position that it shows."""
    actor, topic = form.value("actor"), form.value("topic")
    before, others = None, list[Mapping[str, Any]]()
    if topic:
        before = await position_before(request, resources, actor, topic, form.date("effective"))
        others = [
            other
            for other in await statements_about(request, resources, before.actor, topic)
            if other["id"] != statement["id"]
        ]
        if refresh:
            form.set("actor", before.actor)
            form.set("expected_revision", str(before.revision))
    return form_page(
        request,
        "new_position.html",
        form,
        status=status,
        statement=statement,
        pairs=pairs_of(statement),
        before=before,
        statements=[statement, *others],
        is_conflict=is_conflict,
    )


class StatementPairs:
    """Whose positions a statement may show, and on which topics."""

    def __init__(self, actors: Sequence[str], topics: Sequence[str]) -> None:
        self.actors, self.topics = actors, topics


def pairs_of(statement: Mapping[str, Any]) -> StatementPairs:
    """The actors for whom somebody speaks, those who speak, and the topics."""
    represented = [a for speaker in statement["speakers"] for a in speaker.get("on_behalf_of", ())]
    speakers = [speaker["actor"] for speaker in statement["speakers"]]
    actors = list(dict.fromkeys([*represented, *speakers]))
    return StatementPairs(actors, list(statement.get("topics", ())))


def _uuid(text: str) -> UUID:
    """The id in a hidden field; 404 if it is none, as for an id that is not on record."""
    try:
        return UUID(text)
    except ValueError:
        raise not_on_record("statement", text[:80]) from None
