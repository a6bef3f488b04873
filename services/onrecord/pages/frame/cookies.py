"""The cookies that hold the key of a reader or editor. Used by `session` and `problem_page`."""

from typing import Final

from starlette.responses import Response

COOKIE: Final = "onrecord_key"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""Its name over HTTPS, where browsers take it from this host only (RFC 6265bis)."""


def keep_key(response: Response, key: str, *, is_secure: bool) -> None:
    """Have the browser keep a key until it is closed."""
    name = SECURE_COOKIE if is_secure else COOKIE
    response.set_cookie(name, key, httponly=True, samesite="strict", secure=is_secure, path="/")


def forget_key(response: Response) -> None:
    """Have the browser forget the key."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="strict")
