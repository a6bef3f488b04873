"""ASGI middleware that checks the key of each request before its body is read.

Installed by `entrypoints.app_factory` for a whole application, so that no route can be without it.
The caller goes into the state of the request (`kit.http.caller`).
"""

import hmac
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from starlette.types import ASGIApp, Receive, Scope, Send

from onrecord.access.key_cache import KeyCache
from onrecord.access.rate_limits import RateLimits
from onrecord.access.required_scopes import Requirement, required_scope
from onrecord.access.tokens import token_digest, token_id
from onrecord.kit.http.caller import Caller
from onrecord.kit.http.problems import Problem, problem_of

_HOW: Final = (
    "`onrecord keys create` on the server makes a key, and so does an admin by POST /v1/keys;"
    " `onrecord up` keeps one in the file `key` of its data folder."
)
_REQUIRED: Final = f"This needs an API key, as `Authorization: Bearer onrecord_...`. {_HOW}"
_SCHEME: Final = 'Bearer realm="onrecord"'
_PROBES: Final = frozenset(("/healthz", "/readyz"))


class KeyMiddleware:
    """Answers 401, 403 or 429 itself, or passes the request on with its caller."""

    def __init__(self, app: ASGIApp, *, public_reads: bool, limits: RateLimits) -> None:
        self._app, self._public_reads, self._limits = app, public_reads, limits
        self._anonymous = Caller(None, None, frozenset(("read",) if public_reads else ()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope["state"]["caller"] = await self._caller(scope)
            except Exception as error:  # also a database that is away: 503
                await problem_of(error).response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        """The caller, who may do what the request wants. Raises a `Problem`."""
        requirement = required_scope(scope["method"], scope["path"])
        credentials = [value for name, value in scope["headers"] if name == b"authorization"]
        if requirement == "open" or not credentials:
            client = scope["client"]
            group = "probe" if scope["path"] in _PROBES else "address"
            self._limits.count_address(client[0] if client else "", group)
            if requirement != "open" and not self._is_public(requirement):
                raise Problem(401, "key-required", _REQUIRED, headers={"WWW-Authenticate": _SCHEME})
            return self._anonymous
        caller = await self._authenticated(scope, credentials)
        may = requirement in caller.scopes or requirement == "any key"
        if not may and not self._is_public(requirement):
            raise _scope_missing(requirement, caller)
        return caller

    def _is_public(self, requirement: Requirement) -> bool:
        return self._public_reads and requirement in ("read", "any key")

    async def _authenticated(self, scope: Scope, credentials: list[bytes]) -> Caller:
        client = scope["client"]
        address = client[0] if client else ""
        cache: KeyCache = scope["state"]["key_cache"]
        if len(credentials) > 1:
            self._refuse(address, "Send one Authorization header, not several.")
        scheme, _, token = credentials[0].decode("latin-1").partition(" ")
        token = token.strip(" ")
        id_ = token_id(token) if scheme.lower() == "bearer" else None
        if id_ is None:
            self._refuse(address, f"The Authorization header holds no key. {_REQUIRED}")
        if id_ not in cache:  # of a flood of guesses, few reach the database
            self._limits.check_address(address, "address")
        key = await cache.get(id_)
        digest = token_digest(token)
        if key is None or not hmac.compare_digest(key.sha256, digest):
            self._refuse(address, f"The key is not valid. {_HOW}")
        if key.revoked_at is not None:
            self._refuse(address, f"The key was revoked. {_HOW}")
        expires_at = key.caller.expires_at
        if expires_at is not None and expires_at <= datetime.now(UTC):
            self._refuse(address, f"The key expired. {_HOW}")
        self._limits.count_key(id_)
        cache.note_use(id_)
        return key.caller

    def _refuse(self, address: str, detail: str) -> NoReturn:
        self._limits.count_address(address, "address")
        headers = {"WWW-Authenticate": f'{_SCHEME}, error="invalid_token"'}
        raise Problem(401, "key-invalid", detail, headers=headers)


def _scope_missing(requirement: Requirement, caller: Caller) -> Problem:
    scopes = ", ".join(sorted(caller.scopes))
    detail = f"This needs a key with scope {requirement}; yours has {scopes}."
    about: dict[str, Any] = {"scope": requirement}
    headers = {"WWW-Authenticate": f'{_SCHEME}, error="insufficient_scope", scope="{requirement}"'}
    return Problem(403, "scope-missing", detail, headers=headers, about=about)
