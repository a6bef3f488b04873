"""Splitting an event into permanent data and erasable payload sections, and merging them again.

Annotations on the fields of an event class control it: `Section("content")` puts a field into that
payload section, `Ref("actor")` marks a field that refers to an actor. A field without `Section`
stays in the entry's `data` for ever, so it must be an id, a code, a date or a number. A section has
the shape of the whole event, reduced to its own fields: a recursive merge of `data` and all
sections gives the event back. Used by the ledger to write and parse entries, and by `requests`.
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
    """An immutable pydantic model that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Section:
    """Annotation of a field that is stored in this payload section, not in `data`."""

    section: str


@dataclass(frozen=True)
class Ref:
    """Annotation of a field that refers to an entity of this kind, which must be on record."""

    kind: EntityKind


class Reference(NamedTuple):
    """One reference of an event to an entity; `pointer` is its place (RFC 6901)."""

    pointer: str
    kind: EntityKind
    name: str | UUID


def split_payload(model: BaseModel) -> tuple[dict[str, Json], dict[str, dict[str, Json]]]:
    """Split a model into `data` and its sections. Values that are None or empty are left out."""
    plan, values = _plan(type(model)), model.__dict__
    data: dict[str, Json] = {}
    sections: dict[str, dict[str, Json]] = {}
    for name in plan.plain:
        value = values[name]
        if value or value not in _EMPTY:  # a truth test is faster than two comparisons
            data[name] = value
    for name in plan.converted:
        value = values[name]
        if value or value not in _EMPTY:
            data[name] = as_json(value)
    for section, names in plan.sections:
        content: dict[str, Json] = {}
        for name in names:
            value = values[name]
            if value or value not in _EMPTY:
                content[name] = value if type(value) is str else as_json(value)
        if content:
            sections[section] = content
    for name in plan.nested:
        value = values[name]
        if not value:
            continue
        if not isinstance(value, tuple):
            data[name], inner = split_payload(value)
            for section, content in inner.items():
                sections.setdefault(section, {})[name] = content
            continue
        data[name], inners = [], []
        for item in value:
            item_data, inner = split_payload(item)
            data[name].append(item_data)
            inners.append(inner)
        for section in set().union(*inners):
            # one place an item, so that the merge finds which item is whose
            sections.setdefault(section, {})[name] = [inner.get(section, {}) for inner in inners]
    return data, sections


def merge_payload(data: Json, *sections: Json) -> Json:
    """Merge `data` with sections of the same shape; the reverse of `split_payload`."""
    whole = dict(data)
    for section in sections:
        for key, value in section.items():
            whole[key] = _merged(whole[key], value) if key in whole else value
    return whole


def _merged(left: Json, right: Json) -> Json:
    if type(left) is dict:
        return merge_payload(left, right)
    return [_merged(a, b) for a, b in zip(left, right, strict=True)]


def without_sections(model: M, erased: Collection[str]) -> M:
    """A copy of a model without these sections."""
    data, sections = split_payload(model)
    kept = [content for section, content in sections.items() if section not in erased]
    return type(model).model_validate(merge_payload(data, *kept))


def as_json(value: Any) -> Json:
    """A value as JSON. Fields of models that are None or empty are left out."""
    value_type = type(value)
    if value_type in _SCALARS:
        return value
    if value_type is tuple:
        return [item if type(item) in _SCALARS else as_json(item) for item in value]
    if value_type is UUID:
        return str(value)
    if isinstance(value, BaseModel):
        return {
            name: field if type(field) in _SCALARS else as_json(field)
            for name, field in value.__dict__.items()
            if field is not None and field != ()
        }
    return value


_EMPTY: Final = (None, ())
_SCALARS: Final = frozenset({str, int, bool})


def references(model: BaseModel, *, at: str = "") -> list[Reference]:
    """All references of a model, with their pointers below `at`."""
    refs: list[Reference] = []
    _add_references(model, at, refs)
    return refs


def _add_references(model: BaseModel, at: str, refs: list[Reference]) -> None:
    values = model.__dict__
    for name, kind in _plan(type(model)).references:
        value = values[name]
        if not value:
            continue
        is_list = isinstance(value, tuple)
        for index, item in enumerate(value if is_list else (value,)):
            pointer = f"{at}/{name}/{index}" if is_list else f"{at}/{name}"
            if kind is None:
                _add_references(item, pointer, refs)
            else:
                refs.append(Reference(pointer, kind, item))


class _Plan(NamedTuple):
    """The fields of a model class, sorted by how `split_payload` and `references` handle them."""

    plain: tuple[str, ...]
    """In `data`; their values are JSON already."""
    converted: tuple[str, ...]
    """In `data`, converted by `as_json`."""
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    """Section names, each with its fields."""
    nested: tuple[str, ...]
    """A model or a tuple of models, which is split itself."""
    references: tuple[tuple[str, EntityKind | None], ...]
    """Name entities of this kind; None: a model or a tuple of models with references."""


@cache
def _plan(model_class: type[BaseModel]) -> _Plan:
    types = {
        name: list(_types_in(field.annotation)) for name, field in model_class.model_fields.items()
    }
    models = {name: [of for of in types[name] if _is_model(of)] for name in types}
    sections = {name: mark.section for name, mark in _marks(model_class, Section)}
    kinds = {name: mark.kind for name, mark in _marks(model_class, Ref)}
    in_data = [name for name in types if name not in sections and not models[name]]
    return _Plan(
        plain=tuple(name for name in in_data if _JSON_TYPES.issuperset(types[name])),
        converted=tuple(name for name in in_data if not _JSON_TYPES.issuperset(types[name])),
        sections=tuple(
            (section, tuple(name for name in sections if sections[name] == section))
            for section in dict.fromkeys(sections.values())
        ),
        nested=tuple(name for name in types if name not in sections and models[name]),
        references=tuple(
            (name, kinds.get(name))
            for name in types
            if name in kinds or any(_plan(model).references for model in models[name])
        ),
    )


_JSON_TYPES: Final = frozenset({str, int, NoneType, Literal})


def _marks(model_class: type[BaseModel], mark_class: type[T]) -> Iterator[tuple[str, T]]:
    for name, field in model_class.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, mark_class):
                yield name, mark


def _types_in(annotation: Any) -> Iterator[Any]:
    """The types in an annotation. Of `tuple[str, ...]`, both `tuple` and `str`."""
    origin = get_origin(annotation)
    if origin is None or origin is Literal:
        yield origin or annotation
        return
    if origin is Annotated:
        yield from _types_in(get_args(annotation)[0])
        return
    if origin not in (Union, UnionType):
        yield origin
    for argument in get_args(annotation):
        yield from _types_in(argument)


def _is_model(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, BaseModel)
