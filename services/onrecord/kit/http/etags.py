"""Weak ETags (RFC 9110, section 8.8.3), and whether a client has the answer already."""

import hashlib

from fastapi import Request


def weak_etag(tagged: bytes) -> str:
    """The ETag of an answer that says this."""
    return f'W/"{hashlib.sha256(tagged).hexdigest()[:32]}"'


def is_cached(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names this ETag."""
    header = ",".join(request.headers.getlist("if-none-match"))
    cached = [tag.strip() for tag in header.split(",")]
    return "*" in cached or etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in cached]
