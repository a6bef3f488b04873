"""Form of a position, and the body of the write API that it becomes. For new ones and corrections.

`position_draft` is the one place that says which field is at which pointer.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from onrecord.domain.changes import ChangeKind, classify_change
from onrecord.domain.dates import InvalidDate, bounds
from onrecord.domain.stances import Stance
from onrecord.pages.writing.forms import Draft, PageForm
from onrecord.query.answers.position_schemas import PositionOut
from onrecord.query.params import AsOf, StatementSearch
from onrecord.query.position_routes import read_position
from onrecord.query.read_context import ReadResources, instant_as_text
from onrecord.query.registry_routes import list_statements

_MAX_STATEMENTS = 100


@dataclass(frozen=True)
class PlannedStep:
    """The change that a position would be, with what its sentence names."""

    kind: ChangeKind
    actor_label: str
    topic_label: str
    stance: Stance
    effective: str
    previous: PositionOut | None
    certainty: str
    announced: bool


def position_draft(form: PageForm, kept: Mapping[str, Any], *, at: str = "") -> Draft:
    """The body with this position at `at`; `kept` are the members that the form does not show."""
    document = dict(kept)
    draft = Draft({at[1:]: document} if at else document)
    for name in ("stance", "condition", "summary", "coder", "rationale"):
        draft.put(f"{at}/{name}", name, form.text(name))
    draft.put(f"{at}/effective", "effective", form.date("effective"))
    draft.put(f"{at}/basis", "basis", form.values("basis"))
    return draft


async def position_before(
    request: Request, resources: ReadResources, actor: str, topic: str, date: str | None
) -> PositionOut:
    """The position that one from this date on would come after, as known now."""
    as_of = None
    with suppress(InvalidDate):  # the form says so beside the field
        as_of = instant_as_text(bounds(date).sorts_at) if date else None
    position, _ = await read_position(request, resources, actor, topic, AsOf(as_of=as_of))
    return position


def planned_step(before: PositionOut, body: Any) -> PlannedStep:
    """The change from the position before to the one in a body."""
    same_condition = before.id is not None and before.condition == body.condition
    change = classify_change(before.stance, body.stance, same_condition=same_condition)
    return PlannedStep(
        kind=change.kind,
        actor_label=before.actor_label,
        topic_label=before.topic_label,
        stance=body.stance,
        effective=body.effective,
        previous=before if before.id else None,
        certainty=before.certainty,
        announced=(bounds(body.effective).earliest or datetime.min.replace(tzinfo=UTC))
        > datetime.now(UTC),
    )


async def statements_about(
    request: Request, resources: ReadResources, actor: str, topic: str
) -> Sequence[Mapping[str, Any]]:
    """The latest statements by or for an actor on a topic, to tick as a basis."""
    search = StatementSearch(actor=[actor], topic=[topic], limit=_MAX_STATEMENTS)
    page = await list_statements(request, resources, search)
    return page.items
