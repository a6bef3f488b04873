"""Lines of a batch: parsed, validated and turned into write requests.

Used by `batch_lines` and by `onrecord import --dry-run`, which checks lines without sending them.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from onrecord.domain import events
from onrecord.domain.ids import EntityKind
from onrecord.domain.requests import Request
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import (
    ActorIn,
    DismissalIn,
    Line,
    PositionCorrectionIn,
    PositionIn,
    RetractionIn,
    StatementCorrectionIn,
    StatementIn,
    TopicIn,
)
from onrecord.kit.http.problems import Problem, at, invalid
from onrecord.kit.http.strict_bodies import MAX_BODY, parse_json

T = TypeVar("T")

_UUID: Final = TypeAdapter(UUID)

_AMENDMENTS: Final[dict[tuple[str, str], tuple[Any, Any]]] = {
    ("correction", "statement"): (events.StatementCorrected, StatementCorrectionIn),
    ("correction", "position"): (events.PositionCorrected, PositionCorrectionIn),
    ("retraction", "statement"): (events.StatementRetracted, RetractionIn),
    ("retraction", "position"): (events.PositionRetracted, RetractionIn),
}


def parse_line(line: bytes) -> Line:
    """The line, its `body` not validated yet. Raises a `Problem`."""
    if len(line) > MAX_BODY:
        raise Problem(413, "too-large", "The line is larger than 1 MiB.")
    return _validated(Line.model_validate, parse_json(line), below=())


def request_of(line: Line, target_kind: EntityKind | None = None) -> Request:
    """The write request in a line. Raises a `Problem` that names the fields at fault.

    `target_kind`: what is on record under the id `target`, for a correction or retraction.
    """
    if not _same_id(line.body.setdefault("id", line.id), line):
        raise invalid(
            [{"loc": ("body", "body", "id"), "msg": f"differs from the line's {line.id!r}"}]
        )
    if line.op == "actor":
        return write_requests.new_actor(_validated(ActorIn.model_validate, line.body))
    if line.op == "topic":
        return write_requests.new_topic(_validated(TopicIn.model_validate, line.body))
    id_ = _validated(_UUID.validate_python, line.id, below=("id",))
    if line.op == "statement":
        return write_requests.new_statement(_validated(StatementIn.model_validate, line.body), id_)
    if line.op == "position":
        return write_requests.new_position(_validated(PositionIn.model_validate, line.body), id_)
    if line.op == "dismissal":
        return write_requests.new_dismissal(_validated(DismissalIn.model_validate, line.body), id_)
    if line.target is None or target_kind not in ("statement", "position"):
        raise Problem(
            422,
            "unknown-reference",
            "The request names things that are not on record.",
            errors=[at("/target", f"no statement or position {line.target} is on record")],
        )
    event_class, body_class = _AMENDMENTS[line.op, target_kind]
    body = _validated(body_class.model_validate, line.body)
    return write_requests.amendment(event_class, body, id_, line.target)


def _same_id(in_body: Any, line: Line) -> bool:
    if line.op in ("actor", "topic"):
        return bool(in_body == line.id)
    return str(in_body).lower() == line.id.lower()  # a UUID may be written in capital letters


def _validated(validate: Callable[[Any], T], value: Any, below: tuple[str, ...] = ("body",)) -> T:
    """The validated value; else a 422 problem whose pointers start at the line."""
    try:
        return validate(value)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *below, *fault["loc"])} for fault in error.errors()]
        raise invalid(faults) from None
