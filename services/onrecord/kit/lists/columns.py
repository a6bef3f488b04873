"""Columns of CSV, from the JSON Schema of the items of a list: they have all that the JSON has.

An object is spread over columns of its own (`previous_stance`). A list of scalars is one cell,
joined by `; `; a list of objects, or an object without a schema, is one cell of JSON.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter

Schema = Mapping[str, Any]
_SEPARATOR: Final = "; "


class Column(NamedTuple):
    """A column, and the keys that lead to its value in an item."""

    name: str
    path: tuple[str, ...]


def columns_of(page_model: Any) -> tuple[Column, ...]:
    """The columns of the items of a page model, the `id` first."""
    schema = TypeAdapter(page_model).json_schema(mode="serialization")
    definitions = schema.get("$defs", {})
    item = _resolve(schema["properties"]["items"]["items"], definitions)
    columns = list(_columns(item, definitions, ()))
    return tuple(sorted(columns, key=lambda column: column.path != ("id",)))


def item_name(page_model: Any) -> str:
    """The name of the schema of the items of a page model."""
    schema = TypeAdapter(page_model).json_schema(mode="serialization")
    reference: str = schema["properties"]["items"]["items"]["$ref"]
    return reference.rsplit("/", 1)[-1]


def is_page_model(model: Any) -> bool:
    """Whether a response model is a page: it has `items` and `next`."""
    return {"items", "next"} <= getattr(model, "model_fields", {}).keys()


def _columns(schema: Schema, definitions: Schema, path: tuple[str, ...]) -> Iterator[Column]:
    for name, member in schema["properties"].items():
        resolved = _resolve(member, definitions)
        if "properties" in resolved:
            yield from _columns(resolved, definitions, (*path, name))
        else:
            yield Column("_".join((*path, name)), (*path, name))


def _resolve(schema: Schema, definitions: Schema) -> Schema:
    """The schema that a reference leads to, or the only one beside null."""
    if "$ref" in schema:
        return _resolve(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return _resolve(options[0], definitions) if len(options) == 1 else schema


def cell_value(item: Mapping[str, Any], column: Column, dumps: Any) -> Any:
    """The value of a column in an item of JSON values; `dumps` serializes what is nested."""
    value: Any = item
    for key in column.path:
        if value is None:
            return None
        value = value.get(key)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(part, Mapping | list) for part in value):
            return dumps(value)
        return _SEPARATOR.join(str(part) for part in value)
    return dumps(value) if isinstance(value, Mapping) else value
