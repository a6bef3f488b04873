"""How does an event come apart into what stays for ever and what may be erased, and together again?

A field's annotation says it once: `In("content")` puts it into that payload section, `To("actor")`
says that it names an actor. What has no `In` stays in the entry's `data`, so it must be an id, a
code, a date or a number. A section has the shape of the whole event, cut down to its own leaves:
merging `data` and all sections, key by key and place by place, gives the event back.
"""

from collections.abc import Collection, Iterable, Iterator
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

from onrecord.domain.ids import Kind

Json = Any
"""A JSON value: dict, list, str, int, bool or None."""
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


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


class _Plan(NamedTuple):
    """What a class's annotations say of its fields, by what becomes of them; worked out once."""

    data: tuple[tuple[str, bool], ...]
    """Stay in `data`; and whether the value is JSON as it is."""
    hidden: tuple[tuple[str, bool, str], ...]
    """Stand in a section; likewise, and which."""
    nested: tuple[str, ...]
    """Hold nothing but values that have fields of their own, one or a tuple."""
    naming: tuple[tuple[str, Kind | None], ...]
    """Name things of a kind; or None, hold values that name things. One or a tuple."""


@cache
def _plan(of: type[BaseModel]) -> _Plan:
    fields = of.model_fields.items()
    within = {name: list(_leaves(field.annotation)) for name, field in fields}
    simple = {name: _SIMPLE.issuperset(leaves) for name, leaves in within.items()}
    models = {name: [one for one in leaves if _is_model(one)] for name, leaves in within.items()}
    sections = {name: mark.section for name, mark in _marks(of, In)}
    kinds = {name: mark.kind for name, mark in _marks(of, To)}
    return _Plan(
        data=tuple(
            (name, simple[name]) for name in within if name not in sections and not models[name]
        ),
        hidden=tuple((name, simple[name], section) for name, section in sections.items()),
        nested=tuple(name for name in within if name not in sections and models[name]),
        naming=tuple(
            (name, kinds.get(name))
            for name in within
            if name in kinds or any(_plan(one).naming for one in models[name])
        ),
    )


_SIMPLE: Final = frozenset({str, int, NoneType, Literal})
"""What a value is JSON as it is of."""


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


def split(value: BaseModel) -> tuple[dict[str, Json], dict[str, dict[str, Json]]]:
    """Take a value apart into `data` and its sections. What is None or empty is left out."""
    data: dict[str, Json] = {}
    sections: dict[str, dict[str, Json]] = {}
    plan, fields = _plan(type(value)), value.__dict__
    for name, simple in plan.data:
        part = fields[name]
        if part is not None and part != ():
            data[name] = part if simple else plain(part)
    for name, simple, section in plan.hidden:
        part = fields[name]
        if part is not None and part != ():
            sections.setdefault(section, {})[name] = part if simple else plain(part)
    for name in plan.nested:
        part = fields[name]
        if isinstance(part, tuple):
            if not part:
                continue
            pairs = [split(one) for one in part]
            data[name] = [skeleton for skeleton, _ in pairs]
            for of in {of for _, inner in pairs for of in inner}:
                sections.setdefault(of, {})[name] = [inner.get(of, {}) for _, inner in pairs]
        elif part is not None:
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
    of = type(value)
    if of in _LEAVES:
        return value
    if of is tuple:
        return [part if type(part) in _LEAVES else plain(part) for part in value]
    if of is UUID:
        return str(value)
    if isinstance(value, BaseModel):
        return {
            name: part if type(part) in _LEAVES else plain(part)
            for name, part in value.__dict__.items()
            if part is not None and part != ()
        }
    return value


_LEAVES: Final = frozenset({str, int, bool})


def references(value: BaseModel, *, at: str = "") -> Iterator[Reference]:
    """Every place of a value that names a thing, with its pointer below `at`."""
    fields = value.__dict__
    for name, kind in _plan(type(value)).naming:
        part = fields[name]
        if part is None:
            continue
        if not isinstance(part, tuple):
            yield from _names(part, kind, f"{at}/{name}")
            continue
        for index, one in enumerate(part):
            yield from _names(one, kind, f"{at}/{name}/{index}")


def _names(part: Any, kind: Kind | None, pointer: str) -> Iterable[Reference]:
    return references(part, at=pointer) if kind is None else (Reference(pointer, kind, part),)
