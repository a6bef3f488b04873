"""The caller of a request: the API key with which it was sent. Used by every API.

`access.authentication` puts it into the state of the request before the body is read.
"""

from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Request


class Caller(NamedTuple):
    """An API key that was checked; without an id, a client that sent none and may do this."""

    id: UUID | None
    name: str | None
    scopes: frozenset[str]
    expires_at: datetime | None = None

    @property
    def recorded_by(self) -> str:
        """`recorded_by` of what the caller records."""
        assert self.id, "nothing is recorded without a key"
        return str(self.id)


def caller_of(request: Request) -> Caller:
    """The caller in the state of a request."""
    caller: Caller = request.state.caller
    return caller


async def get_caller(request: Request) -> Caller:
    """FastAPI dependency: the caller of a request."""
    return caller_of(request)


CallerDep = Annotated[Caller, Depends(get_caller)]
