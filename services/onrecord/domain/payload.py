"""How does an event come apart into what stays for ever and what may be erased, and together again?

A field's annotation says it once: `Section("content")` puts it into that payload section, `Ref("actor")`
says that it names an actor. What has no `Section` stays in the entry's `data`, so it must be an id, a
code, a date or a number. A section has the shape of the whole event, cut down to its own leaves:
merging `data` and all sections, key by key and place by place, gives the event back.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from onrecord.domain.ids import EntityKind

Json = Any
"""A JSON value: dict, list, str, int, bool or None."""
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class FrozenModel(BaseModel):
    """A value: immutable, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Section:
    """Marks a field that stands in this payload section, not in `data`."""

    section: str


@dataclass(frozen=True)
class Ref:
    """Marks a field that names a thing of this kind, which must be on record."""

    kind: EntityKind


class Reference(NamedTuple):
    """One place (an RFC 6901 pointer) where an event names a thing."""

    pointer: str
    kind: EntityKind
    name: str | UUID


class _Plan(NamedTuple):
    """What a class's annotations say of its fields, by what becomes of them; worked out once."""

    data: tuple[str, ...]
    """Stay in `data`, and are JSON as they are."""
    made: tuple[str, ...]
    """Stay in `data`, made JSON by `as_json`."""
    hidden: tuple[tuple[str, tuple[str, ...]], ...]
    """Sections, and what stands in each."""
    nested: tuple[str, ...]
    """Hold nothing but values that have fields of their own, one or a tuple."""
    naming: tuple[tuple[str, EntityKind | None], ...]
    """Name things of a kind; or None, hold values that name things. One or a tuple."""


@cache
def _plan(of: type[BaseModel]) -> _Plan:
    fields = of.model_fields.items()
    within = {name: list(_leaves(field.annotation)) for name, field in fields}
    models = {name: [one for one in leaves if _is_model(one)] for name, leaves in within.items()}
    sections = {name: mark.section for name, mark in _marks(of, Section)}
    kinds = {name: mark.kind for name, mark in _marks(of, Ref)}
    stay = [name for name in within if name not in sections and not models[name]]
    return _Plan(
        data=tuple(name for name in stay if _SIMPLE.issuperset(within[name])),
        made=tuple(name for name in stay if not _SIMPLE.issuperset(within[name])),
        hidden=tuple(
            (section, tuple(name for name in sections if sections[name] == section))
            for section in dict.fromkeys(sections.values())
        ),
        nested=tuple(name for name in within if name not in sections and models[name]),
        naming=tuple(
            (name, kinds.get(name))
            for name in within
            if name in kinds or any(_plan(one).naming for one in models[name])
        ),
    )


_SIMPLE: Final = frozenset({str, int, NoneType, Literal})
"""What a value is JSON as it is of."""
_NOTHING: Final = (None, ())
"""Left out."""


def _marks(of: type[BaseModel], kind: type[T]) -> Iterator[tuple[str, T]]:
    for name, field in of.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, kind):
                yield name, mark


def _leaves(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of; a tuple or dict is one of them itself."""
    origin = get_origin(annotation)
    if origin is None or origin is Literal:
        yield origin or annotation
        return
    if origin is Annotated:
        yield from _leaves(get_args(annotation)[0])
        return
    if origin not in (Union, UnionType):
        yield origin
    for one in get_args(annotation):
        yield from _leaves(one)


def _is_model(one: Any) -> bool:
    return isinstance(one, type) and issubclass(one, BaseModel)


def split_payload(value: BaseModel) -> tuple[dict[str, Json], dict[str, dict[str, Json]]]:
    """Take a value apart into `data` and its sections. What is None or empty is left out."""
    plan, fields = _plan(type(value)), value.__dict__
    data: dict[str, Json] = {}
    sections: dict[str, dict[str, Json]] = {}
    for name in plan.data:
        part = fields[name]
        if part or part not in _NOTHING:  # truth is quicker told than two comparisons
            data[name] = part
    for name in plan.made:
        part = fields[name]
        if part or part not in _NOTHING:
            data[name] = as_json(part)
    for section, names in plan.hidden:
        leaves: dict[str, Json] = {}
        for name in names:
            part = fields[name]
            if part or part not in _NOTHING:
                leaves[name] = part if type(part) is str else as_json(part)
        if leaves:
            sections[section] = leaves
    for name in plan.nested:
        part = fields[name]
        if not part:
            continue
        if not isinstance(part, tuple):
            data[name], inner = split_payload(part)
            for section, leaves in inner.items():
                sections.setdefault(section, {})[name] = leaves
            continue
        data[name], within = [], []
        for one in part:
            skeleton, inner = split_payload(one)
            data[name].append(skeleton)
            within.append(inner)
        for section in set().union(*within):
            leaf = [inner.get(section, {}) for inner in within]
            sections.setdefault(section, {})[name] = leaf
    return data, sections


def merge_payload(data: Json, *sections: Json) -> Json:
    """Merge `data` with sections of the same shape; the reverse of `split_payload`."""
    whole = dict(data)
    for section in sections:
        for key, value in section.items():
            whole[key] = _both(whole[key], value) if key in whole else value
    return whole


def _both(left: Json, right: Json) -> Json:
    if type(left) is dict:
        return merge_payload(left, right)
    return [_both(one, other) for one, other in zip(left, right, strict=True)]


def without_sections(value: M, erased: Collection[str]) -> M:
    """A value as it reads once these sections are gone."""
    data, sections = split_payload(value)
    left = [leaves for section, leaves in sections.items() if section not in erased]
    return type(value).model_validate(merge_payload(data, *left))


def as_json(value: Any) -> Json:
    """A value as JSON, without what is None or empty."""
    of = type(value)
    if of in _LEAVES:
        return value
    if of is tuple:
        return [part if type(part) in _LEAVES else as_json(part) for part in value]
    if of is UUID:
        return str(value)
    if isinstance(value, BaseModel):
        return {
            name: part if type(part) in _LEAVES else as_json(part)
            for name, part in value.__dict__.items()
            if part is not None and part != ()
        }
    return value


_LEAVES: Final = frozenset({str, int, bool})


def references(value: BaseModel, *, at: str = "") -> list[Reference]:
    """Every place of a value that names a thing, with its pointer below `at`."""
    found: list[Reference] = []
    _refer(value, at, found)
    return found


def _refer(value: BaseModel, at: str, found: list[Reference]) -> None:
    fields = value.__dict__
    for name, kind in _plan(type(value)).naming:
        part = fields[name]
        if not part:
            continue
        many = isinstance(part, tuple)
        for index, one in enumerate(part if many else (part,)):
            pointer = f"{at}/{name}/{index}" if many else f"{at}/{name}"
            if kind is None:
                _refer(one, pointer, found)
            else:
                found.append(Reference(pointer, kind, one))
