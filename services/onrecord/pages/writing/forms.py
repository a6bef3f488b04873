"""Forms of pages to write: what was typed, and the problems beside each field.

Used by every route of this package. Browsers send line ends as CR LF; all become LF.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Request
from fastapi import Form as FormField

from onrecord.domain.ids import new_id
from onrecord.kit.http.problems import Problem

MAX_ROWS: Final = 64
"""Rows of speakers, topics and the like: as many as the API takes."""
_MAX_FIELDS: Final = 1_000


@dataclass
class PageForm:
    """The fields of a form by name, each with its values, and what is wrong with them."""

    fields: dict[str, list[str]]
    errors: dict[str, list[str]] = field(default_factory=dict)
    """Messages by the name of the field."""
    faults: list[str] = field(default_factory=list)
    """Messages about no field."""

    @property
    def id(self) -> UUID:
        """The id of the write. It is in the form from the first step, so it is recorded once."""
        return UUID(self.value("id"))

    def value(self, name: str) -> str:
        values = self.fields.get(name)
        return values[0] if values else ""

    def values(self, name: str) -> list[str]:
        return self.fields.get(name, [])

    def text(self, name: str) -> str | None:
        """What was typed, without blanks around it; None if there is nothing."""
        return self.value(name).strip() or None

    def date(self, name: str) -> str | None:
        """A date of the record: `../D` if “at the latest” is ticked."""
        text = self.text(name)
        is_bound = text and self.value(f"{name}-latest") and not text.startswith("../")
        return f"../{text}" if is_bound else text

    def set(self, name: str, *values: str) -> None:
        self.fields[name] = list(values)

    def set_date(self, name: str, date: str | None) -> None:
        """Fill in a date of the record."""
        self.set(name, (date or "").removeprefix("../"))
        self.set(f"{name}-latest", *(["on"] if (date or "").startswith("../") else []))

    def rows(self, prefix: str, *columns: str) -> list[int]:
        """The numbers of the rows in which something was typed: `prefix-N`, or a column of it."""
        suffixes = [f"-{column}" for column in columns] or [""]
        return [
            n
            for n in range(MAX_ROWS)
            if any(self.text(f"{prefix}-{n}{suffix}") for suffix in suffixes)
        ]

    def rows_with_blank(self, prefix: str, *columns: str) -> list[int]:
        """These rows, and one more to type in."""
        rows = self.rows(prefix, *columns)
        following = max(rows, default=-1) + 1
        return [*rows, following] if following < MAX_ROWS else rows

    def carried(self, shown: Iterable[str] = ()) -> list[tuple[str, str]]:
        """The fields that a page keeps hidden: all but those that it shows, by name or prefix."""
        prefixes = tuple(shown)
        return [
            (name, value)
            for name, values in self.fields.items()
            if name != "action" and not name.startswith(prefixes)
            for value in values
        ]

    def fail(self, name: str, message: str) -> None:
        self.errors.setdefault(name, []).append(message)

    @property
    def is_faulty(self) -> bool:
        return bool(self.errors or self.faults)

    def show_problem(self, problem: Problem, names: Mapping[str, str]) -> None:
        """Put each error of a problem beside its field; `names`: fields by pointer.

        A field that has an error already keeps it: what follows from that is no other.
        """
        faulty = frozenset(self.errors)
        for error in problem.errors:
            pointer = error.get("pointer", "")
            name = field_of(pointer, names)
            if name is None:
                place = pointer or error.get("parameter", "")
                self.faults.append(f"{place} {error['message']}".strip())
            elif name not in faulty:
                self.fail(name, error["message"])
        if not problem.errors:
            self.faults.append(problem.detail)


def field_of(pointer: str, names: Mapping[str, str]) -> str | None:
    """The field that a pointer comes from: of the value, what holds it, or the first within it."""
    place = pointer
    while place:
        if place in names:
            return names[place]
        place = place.rpartition("/")[0]
    return next((names[other] for other in names if other.startswith(f"{pointer}/")), None)


class Draft:
    """A body of the write API that is made of fields, and the field that each pointer is of."""

    def __init__(self, document: dict[str, Any] | None = None) -> None:
        self.document: dict[str, Any] = document or {}
        self.names: dict[str, str] = {}

    def put(self, pointer: str, name: str, value: Any) -> None:
        """Set the value at a pointer, whose objects and lists are made; None and empty remove it.

        A number one above the last of a list appends to it.
        """
        self.names[pointer] = name
        *path, last = pointer[1:].split("/")
        place: Any = self.document
        if value in (None, "", []):
            for part in path:
                place = _inner(place, part)
                if place is None:
                    return
            if isinstance(place, dict):
                place.pop(last, None)
            return
        for part, following in pairwise([*path, last]):
            inner = _inner(place, part)
            if inner is None:
                inner = [] if following.isdecimal() else {}
                _set(place, part, inner)
            place = inner
        _set(place, last, value)


def _inner(place: Any, part: str) -> Any:
    if isinstance(place, list):
        return place[int(part)] if int(part) < len(place) else None
    return place.get(part)


def _set(place: Any, part: str, value: Any) -> None:
    if not isinstance(place, list):
        place[part] = value
    elif int(part) == len(place):
        place.append(value)
    else:
        place[int(part)] = value


def blank_form(**fields: str) -> PageForm:
    """A form with a new id."""
    return PageForm({"id": [str(new_id())], **{name: [value] for name, value in fields.items()}})


async def read_form(request: Request, id: Annotated[UUID, FormField()]) -> PageForm:
    """FastAPI dependency: the form in the body of a request. Each has the id of its write."""
    data = (await request.form()).multi_items()
    if len(data) > _MAX_FIELDS:
        detail = f"The form has {len(data):,} fields; a page has at most {_MAX_FIELDS:,}."
        raise Problem(422, "invalid", detail)
    fields: dict[str, list[str]] = {}
    for name, value in data:
        if isinstance(value, str):
            text = value.replace("\r\n", "\n").replace("\r", "\n")
            fields.setdefault(name, []).append(text)
    fields["id"] = [str(id)]
    return PageForm(fields)


FormDep = Annotated[PageForm, Depends(read_form)]
