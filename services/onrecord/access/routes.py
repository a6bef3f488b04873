"""Routes about keys: `/v1/keys` for admins, and `/v1/me` for every caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from onrecord.access.registry import KeyIdTaken, NewKey, UnknownKey
from onrecord.access.resources import DryRunnerDep, KeyCacheDep, KeyRegistryDep
from onrecord.access.schemas import CreatedKey, Key, KeyIn, KeyListParams, KeyPage, Me
from onrecord.access.tokens import new_token
from onrecord.domain.ids import new_id
from onrecord.kit.http import paging
from onrecord.kit.http.caller import CallerDep
from onrecord.kit.http.problems import Problem, at, responses, unavailable
from onrecord.ledger.outcomes import LedgerFailure

router = APIRouter(prefix="/v1", tags=["keys"], responses=responses(422, 503))
me_router = APIRouter(prefix="/v1", tags=["keys"])

_REPEATED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": CreatedKey, "description": "Created before, or a dry run: there is no token."},
    **responses(400, 413, 415),
}


@router.post("/keys", status_code=201, responses=_REPEATED)
async def create_key(
    body: KeyIn,
    response: Response,
    registry: KeyRegistryDep,
    dry_runner: DryRunnerDep,
    caller: CallerDep,
    dry_run: Annotated[
        bool, Query(description="Create nothing: 200 with the answer as it would be, less a token.")
    ] = False,
) -> CreatedKey:
    """Create a key. Its token is shown only here; what is stored is its SHA-256."""
    id_ = body.id or new_id()
    token = None if dry_run else new_token(id_)
    key = NewKey(id_, body.name, body.scopes, body.expires_at)
    try:
        with _ledger_problems():
            if token is None:
                row, is_new = await registry.foresee(dry_runner, key, caller.recorded_by)
                response.status_code = 200
            else:
                row, is_new = await registry.create(key, token, caller.recorded_by)
    except KeyIdTaken:
        detail = "The id is on record with another body; the same key has the same body."
        fault = at("/id", "is on record with another body")
        raise Problem(422, "id-reused", detail, errors=[fault]) from None
    if not is_new:
        response.status_code = 200
        response.headers["Idempotent-Replay"] = "true"
    return CreatedKey(**Key.of(row).model_dump(), token=token if is_new else None)


@router.get("/keys")
async def list_keys(
    request: Request,
    response: Response,
    registry: KeyRegistryDep,
    params: Annotated[KeyListParams, Query()],
) -> KeyPage:
    """Keys in the order of their ids, revoked ones too. Tokens are not shown."""
    after = _after(request, params.cursor) if params.cursor else None
    rows = await registry.page(after, params.limit + 1)
    cursor = None
    if len(rows) > params.limit:
        cursor = paging.cursor(request, [0, str(rows[params.limit - 1]["id"])])
        response.headers["Link"] = paging.link(request.url, cursor)
    return KeyPage(items=[Key.of(row) for row in rows[: params.limit]], next=cursor)


def _after(request: Request, cursor: str) -> UUID:
    try:
        return UUID(paging.key(request, cursor, int, str)[1])
    except ValueError:
        raise paging.invalid_cursor() from None


@router.get("/keys/{id}", responses=responses(404))
async def get_key(id: UUID, registry: KeyRegistryDep) -> Key:
    """A key, without its token."""
    row = await registry.find(id)
    if row is None:
        raise _unknown_key(id)
    return Key.of(row)


@router.delete("/keys/{id}", status_code=204, responses=responses(404))
async def revoke_key(
    id: UUID, registry: KeyRegistryDep, cache: KeyCacheDep, caller: CallerDep
) -> None:
    """Revoke a key. Within five seconds no process accepts it any more. Safe to repeat."""
    try:
        with _ledger_problems():
            await registry.revoke(id, caller.recorded_by)
    except UnknownKey:
        raise _unknown_key(id) from None
    finally:
        cache.forget(id)


def _unknown_key(id_: UUID) -> Problem:
    return Problem(404, "unknown-key", f"There is no key {id_}.")


@me_router.get("/me")
async def get_me(caller: CallerDep) -> Me:
    """The key of this request: its id, name, scopes and expiry."""
    return Me(
        id=caller.id,
        name=caller.name,
        scopes=sorted(caller.scopes),
        expires_at=caller.expires_at,
    )


@contextmanager
def _ledger_problems() -> Iterator[None]:
    """Make errors of the committer 503 problems."""
    try:
        yield
    except LedgerFailure as error:
        raise unavailable(error.code, error.detail) from None
