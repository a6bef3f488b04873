"""The scope that each request needs, by its method and path. Used by `authentication`.

Default deny: a path that is not named here needs `read` for GET and HEAD, and `write` for every
other method. `tests/unit/test_required_scopes.py` compares it with the table in `ops/docs/keys.md`.
"""

import re
from typing import Final, Literal

from onrecord.domain.scopes import KeyScope

Requirement = KeyScope | Literal["open", "any key"]

_READS: Final = frozenset(("GET", "HEAD"))
_OPEN: Final = frozenset(
    (
        *("/docs", "/verify", "/signin", "/problems", "/healthz", "/readyz"),
        *("/log/checkpoint", "/log/log.policy"),  # nothing of the record but its size and root
    )
)
_OPEN_FOLDERS: Final = ("/swagger/", "/problems/", "/docs/", "/verify/", "/static/")
_OPEN_FORMS: Final = frozenset(("/signin", "/signout"))
_PAGES_TO_WRITE: Final = re.compile(
    r"/new/|/(?:actors|statements|positions)/[^/]+/(?:correct|retract|erase|merge|unmerge)"
)
_SCOPES: Final[tuple[tuple[str, KeyScope], ...]] = (
    ("/v1/endpoints", "webhooks"),
    ("/v1/deliveries", "webhooks"),
    ("/v1/keys", "admin"),
)


def required_scope(method: str, path: str) -> Requirement:
    """What a request needs: nothing (`open`), any key, or a key with a scope."""
    if method == "OPTIONS":  # it answers which methods there are, and nothing of the record
        return "open"
    if path.startswith("/v1/"):
        for prefix, scope in _SCOPES:
            # Whatever follows: a route also matches /v1/endpoints.csv, and /v1/endpoints with a
            # line break behind it (`$` of Python).
            if path.startswith(prefix):
                return scope
        if path == "/v1/me":
            return "any key"
    elif path.startswith("/webhooks"):
        return "webhooks"
    elif path in _OPEN_FORMS if method == "POST" else method in _READS and _is_open(path):
        return "open"
    elif _PAGES_TO_WRITE.match(path):
        return "write"
    return "read" if method in _READS else "write"


def _is_open(path: str) -> bool:
    is_description = path.startswith("/openapi") and path.endswith(".json")
    return path in _OPEN or is_description or path.startswith(_OPEN_FOLDERS)
