"""What does a line of a batch want recorded?

Called by `batch`, and by `onrecord import --dry-run`, which checks lines without sending them.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from onrecord.domain import events
from onrecord.domain.ids import EntityKind
from onrecord.domain.requests import Request
from onrecord.ingest import record
from onrecord.ingest.schemas import (
    ActorIn,
    Line,
    PositionCorrectionIn,
    PositionIn,
    RetractionIn,
    StatementCorrectionIn,
    StatementIn,
    TopicIn,
)
from onrecord.kit.http.problems import Problem, at, invalid
from onrecord.kit.http.strict_routes import MAX_BODY, parsed

T = TypeVar("T")


def read(line: bytes) -> Line:
    """A line in its own shape; its body is not looked at yet. Raises a `Problem`."""
    if len(line) > MAX_BODY:
        raise Problem(413, "too-large", "The line is larger than 1 MiB.")
    return _checked(Line.model_validate, parsed(line), below=())


def request_of(line: Line, of: EntityKind | None = None) -> Request:
    """What a line wants recorded; `of`: what its target is. Raises a `Problem` with its faults."""
    if str(line.body.setdefault("id", line.id)).lower() != line.id.lower():
        raise invalid(
            [{"loc": ("body", "body", "id"), "msg": f"differs from the line's {line.id!r}"}]
        )
    if line.op == "actor":
        return record.actor(_checked(ActorIn.model_validate, line.body))
    if line.op == "topic":
        return record.topic(_checked(TopicIn.model_validate, line.body))
    id_ = _checked(_UUID.validate_python, line.id, below=("id",))
    if line.op == "statement":
        return record.statement(_checked(StatementIn.model_validate, line.body), id_)
    if line.op == "position":
        return record.position(_checked(PositionIn.model_validate, line.body), id_)
    if line.target is None or of not in ("statement", "position"):
        told = f"no statement or position {line.target} is on record"
        raise Problem(
            422,
            "unknown-reference",
            "The request names things that are not on record.",
            errors=[at("/target", told)],
        )
    event, body = _AMENDMENTS[line.op, of]
    return record.amendment(event, _checked(body.model_validate, line.body), id_, line.target)


_UUID: Final = TypeAdapter(UUID)

_AMENDMENTS: Final[dict[tuple[str, str], tuple[Any, Any]]] = {
    ("correction", "statement"): (events.StatementCorrected, StatementCorrectionIn),
    ("correction", "position"): (events.PositionCorrected, PositionCorrectionIn),
    ("retraction", "statement"): (events.StatementRetracted, RetractionIn),
    ("retraction", "position"): (events.PositionRetracted, RetractionIn),
}


def _checked(check: Callable[[Any], T], value: Any, below: tuple[str, ...] = ("body",)) -> T:
    """A value in a shape, or a 422 problem whose pointers start at the line."""
    try:
        return check(value)
    except ValidationError as error:
        faults = [{**one, "loc": ("body", *below, *one["loc"])} for one in error.errors()]
        raise invalid(faults) from None
