"""How does an event come apart into what stays for ever and what may be erased, and together again?

A field's annotation says it once: `In("content")` puts it into that payload section, `To("actor")`
says that it names an actor. What has no `In` stays in the entry's `data`, so it must be an id, a
code, a date or a number. A section has the shape of the whole event, cut down to its own leaves:
merging `data` and all sections, key by key and place by place, gives the event back.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from onrecord.domain.ids import Kind

Json = Any
"""A JSON value: dict, list, str, int, bool or None."""
M = TypeVar("M", bound=BaseModel)


class Frozen(BaseModel):
    """A value: immutable, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class In:
    """Marks a field that stands in this payload section, not in `data`."""

    section: str


@dataclass(frozen=True)
class To:
    """Marks a field that names a thing of this kind, which must be on record."""

    kind: Kind


class Reference(NamedTuple):
    """One place (an RFC 6901 pointer) where an event names a thing."""

    pointer: str
    kind: Kind
    name: str | UUID


class _Field(NamedTuple):
    """What a class's annotation says of one of its fields."""

    name: str
    section: str | None
    kind: Kind | None
    nests: bool
    """Holds nothing but values that have fields of their own, one or a tuple."""


@cache
def _fields(of: type[BaseModel]) -> tuple[_Field, ...]:
    return tuple(
        _Field(
            name,
            next((mark.section for mark in field.metadata if isinstance(mark, In)), None),
            next((mark.kind for mark in field.metadata if isinstance(mark, To)), None),
            _nests(field.annotation),
        )
        for name, field in of.model_fields.items()
    )


def _nests(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(_nests(one) for one in get_args(annotation))


def split(value: BaseModel) -> tuple[dict[str, Json], dict[str, dict[str, Json]]]:
    """Take a value apart into `data` and its sections. What is None or empty is left out."""
    data: dict[str, Json] = {}
    sections: dict[str, dict[str, Json]] = {}
    for name, section, _, nests in _fields(type(value)):
        part = getattr(value, name)
        if part is None or part == ():
            continue
        if section is not None:
            sections.setdefault(section, {})[name] = plain(part)
        elif not nests:
            data[name] = plain(part)
        elif isinstance(part, tuple):
            pairs = [split(one) for one in part]
            data[name] = [skeleton for skeleton, _ in pairs]
            for of in {of for _, inner in pairs for of in inner}:
                sections.setdefault(of, {})[name] = [inner.get(of, {}) for _, inner in pairs]
        else:
            data[name], inner = split(part)
            for of, leaves in inner.items():
                sections.setdefault(of, {})[name] = leaves
    return data, sections


def join(data: Json, *sections: Json) -> Json:
    """Merge `data` with sections of the same shape; the reverse of `split`."""
    for section in sections:
        apart = data.keys().isdisjoint(section)  # as most are, and quicker told than merged
        data = {**data, **section} if apart else _merge(data, section)
    return data


def without(value: M, erased: Collection[str]) -> M:
    """A value as it reads once these sections are gone."""
    data, sections = split(value)
    left = [leaves for section, leaves in sections.items() if section not in erased]
    return type(value).model_validate(join(data, *left))


def _merge(left: Json, right: Json) -> Json:
    if isinstance(left, dict):
        merged = dict(left)
        for key, value in right.items():
            merged[key] = _merge(left[key], value) if key in left else value
        return merged
    return [_merge(one, other) for one, other in zip(left, right, strict=True)]


def plain(value: Any) -> Json:
    """A value as JSON, without what is None or empty."""
    if isinstance(value, BaseModel):
        held = value.__dict__
        return {
            name: part if type(part) in _PLAIN else plain(part)
            for name in _names_of(type(value))
            if (part := held[name]) is not None and part != ()
        }
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, UUID) else value


_PLAIN: Final = {str, int, bool}


@cache
def _names_of(of: type[BaseModel]) -> tuple[str, ...]:
    return tuple(of.model_fields)


def references(value: BaseModel, *, at: str = "") -> Iterator[Reference]:
    """Every place of a value that names a thing, with its pointer below `at`."""
    for name, _, kind, nests in _fields(type(value)):
        if kind is None and not nests:
            continue
        part = getattr(value, name)
        if part is None:
            continue
        if not isinstance(part, tuple):
            yield from _names(part, kind, f"{at}/{name}")
            continue
        for index, one in enumerate(part):
            yield from _names(one, kind, f"{at}/{name}/{index}")


def _names(part: Any, kind: Kind | None, pointer: str) -> Iterator[Reference]:
    if kind is not None:
        yield Reference(pointer, kind, part)
    else:
        yield from references(part, at=pointer)
