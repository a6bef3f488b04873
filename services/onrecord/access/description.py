"""Keys in the OpenAPI description: the scheme, the scope of each operation, and the refusals.

Called by `app_factory` on the description of an application.
"""

from collections.abc import Mapping
from typing import Any, Final

from onrecord.access.required_scopes import required_scope
from onrecord.kit.http.problems import responses

SCHEME: Final = "key"
_METHODS: Final = frozenset(("get", "post", "put", "patch", "delete", "head", "options"))
_REFUSALS: Final[Mapping[str, Any]] = {
    str(status): response for status, response in responses(401, 403, 429, 503).items()
}


def describe_keys(document: dict[str, Any]) -> None:
    """Add to each operation what it needs (`required_scope`), and how it is refused."""
    document.setdefault("components", {}).setdefault("securitySchemes", {})[SCHEME] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "onrecord_<32 hex digits>_<64 hex digits>",
        "description": "An API key with the scope that the operation names. `onrecord keys create`"
        " makes one, and so does an admin by `POST /v1/keys`.",
    }
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            if method in _METHODS:
                _describe(operation, required_scope(method.upper(), path))


def _describe(operation: dict[str, Any], needed: str) -> None:
    if needed == "open":
        operation["security"] = []
        operation["responses"].setdefault("429", _REFUSALS["429"])
        return
    # for a scheme that is not OAuth, these are the names of roles (OpenAPI 3.1)
    operation["security"] = [{SCHEME: [] if needed == "any key" else [needed]}]
    operation["responses"] = {**_REFUSALS, **operation["responses"]}
