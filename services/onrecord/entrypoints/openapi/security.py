"""Security in the OpenAPI document: the key, and the scope that an operation needs.

Used by `document`.
"""

from collections.abc import Sequence
from typing import Any, Final

SCHEMES: Final[dict[str, Any]] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of this installation, in the header `Authorization: Bearer KEY`. "
        "`onrecord keys create` makes one. Where the installation lets everybody read, operations "
        "of the scope `read` need none.",
    }
}

_SCOPES: Final = {
    "write API": "write",
    "read API": "read",
    "audit API": "read",
    "webhooks API": "webhooks",
}
"""The scope of all operations of an API, by its tag. Others need no key."""


def security_of(tags: Sequence[str]) -> list[dict[str, list[str]]]:
    """The `security` of an operation with these tags; empty: anybody may call it."""
    return [{"key": [_SCOPES[tag]]} for tag in tags if tag in _SCOPES]
