"""Security in the OpenAPI document: the key, and the scope that an operation needs.

Used by `document`.
"""

from typing import Any, Final

from onrecord.access.required_scopes import required_scope

SCHEMES: Final[dict[str, Any]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of this installation, in the header `Authorization: Bearer KEY`. "
        "`onrecord keys create` makes one. Where the installation lets everybody read, operations "
        "of the scope `read` need none.",
    }
}


def security_of(method: str, path: str) -> list[dict[str, list[str]]]:
    """The `security` of an operation; empty: anybody may call it."""
    requirement = required_scope(method.upper(), path)
    if requirement == "open":
        return []
    return [{"key": [] if requirement == "any key" else [requirement]}]
