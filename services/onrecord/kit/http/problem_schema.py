"""The JSON Schema of a problem, and the reference to it in the OpenAPI document."""

from typing import Any, Final

from onrecord.kit.http.problem_types import PROBLEM_TYPES, TYPE_BASE


def problem_example(code: str) -> dict[str, Any]:
    """The example of a problem of this type."""
    type_ = PROBLEM_TYPES[code]
    return {
        "type": f"{TYPE_BASE}{code}",
        "title": type_.title,
        "status": type_.status,
        "detail": type_.detail,
        **type_.members,
    }


SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457 problem details. Some types have members of their own.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "The address of a page about this type of problem, on the same host.",
        },
        "title": {"type": "string", "description": "The type of problem in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "errors": {
            "type": "array",
            "description": "The fields and parameters at fault.",
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "pointer": {"type": "string", "description": "In the body: RFC 6901."},
                    "parameter": {"type": "string", "description": "In the address or headers."},
                    "message": {"type": "string"},
                },
            },
        },
    },
    "examples": [problem_example("invalid")],
}
"""The component `Problem` of the OpenAPI document, which `entrypoints.openapi` adds to it."""
SCHEMA_REFERENCE: Final = {"$ref": "#/components/schemas/Problem"}
