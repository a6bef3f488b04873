"""What FastAPI's OpenAPI document lacks for generators and readers: shared schemas, tags, security,
descriptions and examples. Used by `application`.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from onrecord.entrypoints.openapi.examples import body_examples, parameter_text
from onrecord.entrypoints.openapi.security import SCHEMES, describe_security
from onrecord.ingest.schemas import Line, LineResult
from onrecord.kit.http import problem_schema
from onrecord.kit.http.formats import STREAMS

TAGS: Final = {
    "read API": "What is, and what was, an actor's position on a topic, and what it rests on.",
    "write API": "Appending to the record: actors, topics, statements, positions, and corrections.",
    "audit API": "The events as they were recorded, byte for byte, and live.",
    "webhooks API": "Endpoints that events are sent to, their deliveries, and what they receive.",
    "keys": "Keys of this installation, and what a key may do.",
    "health": "Whether the service works.",
}
_GENERIC: Final = re.compile(r"(?P<generic>Listed\w*?)_(?P<item>\w+)_")
_METHODS: Final = frozenset(("get", "post", "put", "patch", "delete"))
_BODIES_OF_LINES: Final = (
    *("ActorIn", "TopicIn", "StatementIn", "PositionIn"),
    *("StatementCorrectionIn", "PositionCorrectionIn", "RetractionIn"),
)
_REF_TEMPLATE: Final = "#/components/schemas/{model}"


def complete(source: dict[str, Any]) -> dict[str, Any]:
    """The document in OpenAPI 3.2, from FastAPI's."""
    document = _with_names_of_pages(source)
    _add_schemas(document)
    for name, schema in document["components"]["schemas"].items():
        schema["title"] = name  # some generators name classes by it
        _describe_defaults(schema)
    for path, method, operation in operations(document):
        describe_security(method, path, operation)
        for parameter in operation.get("parameters", ()):
            _complete_parameter(path, parameter)
        if "requestBody" in operation:
            (content,) = operation["requestBody"]["content"].values()
            if (method, path) in body_examples():
                content["example"] = body_examples()[method, path]
    used = {tag for *_, operation in operations(document) for tag in operation.get("tags", ())}
    document["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items() if name in used
    ]
    document["components"]["securitySchemes"] = SCHEMES
    return document


def _with_names_of_pages(source: dict[str, Any]) -> dict[str, Any]:
    """A copy in which pages are called `ActorPage`, not `Listed_Actor_` as pydantic's generics."""
    text = json.dumps(source)
    for name in source.get("components", {}).get("schemas", {}):
        if page := _GENERIC.fullmatch(name):
            suffix = page["generic"].replace("Listed", "Page")
            new_name = page["item"].removesuffix("Out") + suffix
            text = text.replace(f'{name}"', f'{new_name}"')  # the key, and references to it
    copy: dict[str, Any] = json.loads(text)
    return copy


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation with its path and method."""
    for path, item in document["paths"].items():
        for method in item.keys() & _METHODS:
            yield path, method, item[method]


def _add_schemas(document: dict[str, Any]) -> None:
    """Add the schemas that FastAPI does not know of: those of problems and lines of a batch."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = deepcopy(problem_schema.SCHEMA)
    if "/v1/batch" in document["paths"]:
        _, lines = models_json_schema(
            [(Line, "validation"), (LineResult, "serialization")], ref_template=_REF_TEMPLATE
        )
        for name, schema in lines["$defs"].items():
            schemas.setdefault(name, schema)
        schemas["Line"]["properties"]["body"] = {
            "description": "The body of the operation that `op` names.",
            "anyOf": [{"$ref": _REF_TEMPLATE.format(model=name)} for name in _BODIES_OF_LINES],
        }


def _describe_defaults(schema: dict[str, Any]) -> None:
    """Put defaults of fields into words: by `default`, generators make a field required, or
    expect it in answers.
    """
    for field in schema.get("properties", {}).values():
        default = field.pop("default", None)
        if default not in (None, []):
            description = f"{field.get('description', '')} Default: `{json.dumps(default)}`."
            field["description"] = description.lstrip()


def _complete_parameter(path: str, parameter: dict[str, Any]) -> None:
    text = parameter_text(path, parameter["name"])
    if text is None:
        return
    parameter.setdefault("description", text.description)
    if parameter["in"] == "path":
        parameter.setdefault("example", text.example)  # to try it with
    elif "examples" not in parameter["schema"]:
        takes_several = parameter["schema"].get("type") == "array"
        value = text.example
        parameter["schema"]["examples"] = [
            [value] if takes_several and not isinstance(value, list) else value
        ]


def without_streams(newer: dict[str, Any]) -> dict[str, Any]:
    """The document in OpenAPI 3.1, which has no `itemSchema`: a stream is a text of JSON texts."""
    document = deepcopy(newer)
    document["openapi"] = "3.1.0"
    for *_, operation in operations(document):
        for described in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media_type, content in described.get("content", {}).items():
                if media_type in STREAMS:
                    content["schema"] = {"type": "string", "format": "binary"}  # generators: bytes
                    content["x-itemSchema"] = content.pop("itemSchema")
    return document
