"""Fields in which actors and topics are named by any spelling.

A spelling that is clear becomes an id. Otherwise the page offers those that it may mean, and to
register a new one. The choice goes with the spelling for which it was offered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fastapi import Request
from pydantic import ValidationError

from onrecord.ingest import write_requests
from onrecord.ingest.schemas import ActorIn, TopicIn
from onrecord.kit.http.problems import invalid
from onrecord.pages.sentences import N_
from onrecord.pages.writing.forms import Draft, PageForm
from onrecord.pages.writing.submission import PlannedWrite
from onrecord.query.answers.schemas import Candidate
from onrecord.query.name_routes import read_names
from onrecord.query.params import NameParams
from onrecord.query.read_context import ReadResources

NEW: Final = "new"
"""The choice of a spelling that is nobody's yet."""
NameKind = Literal["actor", "topic"]
_UNCLEAR: Final = {
    "actor": N_("No actor on record is clearly of this name: choose below"),
    "topic": N_("No topic on record is clearly of this name: choose below"),
}


@dataclass(frozen=True)
class NameChoice:
    """What a field names: an id, or a choice between these."""

    kind: NameKind
    id: str | None
    label: str
    candidates: Sequence[Candidate] = ()
    is_new: bool = False

    @property
    def needs_choice(self) -> bool:
        return self.id is None or self.is_new


async def resolve_name_fields(
    request: Request, resources: ReadResources, form: PageForm, fields: Mapping[str, NameKind]
) -> dict[str, NameChoice]:
    """What each of these fields names; one that is not clear has an error then."""
    choices = {}
    for name, kind in fields.items():
        if form.text(name):
            choices[name] = await _resolve(request, resources, form, name, kind)
    return choices


async def _resolve(
    request: Request, resources: ReadResources, form: PageForm, name: str, kind: NameKind
) -> NameChoice:
    spelling = form.text(name) or ""
    choice = form.value(f"{name}-choice") if form.value(f"{name}-typed") == spelling else ""
    wanted = spelling if choice in ("", NEW) else choice
    form.set(f"{name}-typed", spelling)
    try:
        params = NameParams(kind=kind, name=wanted)
    except ValidationError as error:
        for fault in invalid(error.errors()).errors:
            form.fail(name, fault["message"])
        return NameChoice(kind, None, wanted)
    answer = await read_names(request, resources, params)
    candidates = [*answer["matches"], *answer["nearest"]]
    if choice == NEW:
        id_ = form.text(f"{name}-new_id")
        return NameChoice(kind, id_, new_label(form, name) or wanted, candidates, is_new=True)
    if answer["id"] is None:
        form.set(f"{name}-choice", "")
        form.fail(name, _UNCLEAR[kind])
        if not form.value(f"{name}-new_name"):
            form.set(f"{name}-new_name", spelling)
        return NameChoice(kind, None, spelling, candidates)
    form.set(f"{name}-choice", answer["id"])
    labels = {candidate.id: candidate.label for candidate in candidates}
    return NameChoice(kind, answer["id"], labels.get(answer["id"], answer["id"]))


def new_label(form: PageForm, name: str) -> str | None:
    """The name or label of an actor or topic that a field registers."""
    return form.text(f"{name}-new_name")


def registrations_of(form: PageForm, choices: Mapping[str, NameChoice]) -> list[PlannedWrite]:
    """The actors and topics that fields register, each once."""
    writes: dict[tuple[NameKind, str | None], PlannedWrite] = {}
    for name, choice in choices.items():
        if choice.is_new and (choice.kind, choice.id) not in writes:
            make = _new_actor if choice.kind == "actor" else _new_topic
            writes[choice.kind, choice.id] = make(form, name)
    return list(writes.values())


def _new_actor(form: PageForm, name: str) -> PlannedWrite:
    draft = Draft()
    draft.put("/id", f"{name}-new_id", form.text(f"{name}-new_id"))
    draft.put("/kind", f"{name}-new_kind", form.text(f"{name}-new_kind"))
    draft.put("/names/0/name", f"{name}-new_name", new_label(form, name))
    draft.put("/names/0/lang", f"{name}-new_lang", form.text(f"{name}-new_lang") or "en")
    return PlannedWrite(draft, ActorIn, write_requests.new_actor)


def _new_topic(form: PageForm, name: str) -> PlannedWrite:
    draft = Draft()
    draft.put("/id", f"{name}-new_id", form.text(f"{name}-new_id"))
    draft.put("/label", f"{name}-new_name", new_label(form, name))
    proposition = form.text(f"{name}-new_proposition")
    draft.put("/proposition", f"{name}-new_proposition", proposition)
    return PlannedWrite(draft, TopicIn, write_requests.new_topic)
