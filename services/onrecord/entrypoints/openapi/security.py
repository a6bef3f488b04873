"""Security in the OpenAPI document: the key, the scope that an operation needs, the refusals.

Used by `document`.
"""

from typing import Any, Final

from onrecord.access.required_scopes import required_scope
from onrecord.kit.http.problems import responses

SCHEMES: Final[dict[str, Any]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "onrecord_<32 hex digits>_<64 hex digits>",
        "description": "A key of this installation, in the header `Authorization: Bearer KEY`. "
        "`onrecord keys create` makes one. Where the installation lets everybody read, operations "
        "of the scope `read` need none.",
    }
}
_REFUSALS: Final = {str(status): about for status, about in responses(401, 403, 429, 503).items()}


def describe_security(method: str, path: str, operation: dict[str, Any]) -> None:
    """Add to an operation the scope that it needs, and how it is refused.

    For a scheme that is not OAuth, scopes are the names of roles (OpenAPI 3.1).
    """
    requirement = required_scope(method.upper(), path)
    if requirement == "open":
        operation["security"] = []
        operation["responses"].setdefault("429", _REFUSALS["429"])
        return
    operation["security"] = [{"key": [] if requirement == "any key" else [requirement]}]
    operation["responses"] = {**_REFUSALS, **operation["responses"]}
