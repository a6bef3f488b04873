"""Routes of the webhooks API about endpoints: creation, changes, pauses, secrets, replays.

Each takes a body or parameters (`requests`), checks what their shape cannot say (`validation`), and
calls `endpoints`, `replays`, `delivery_log` or `feed`.
"""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from onrecord.kit.http import paging
from onrecord.kit.http.problems import Problem, at, responses
from onrecord.kit.lists.list_route import ListRoute
from onrecord.kit.lists.page import Page
from onrecord.kit.sql.db import fetch_all
from onrecord.kit.telemetry.request_origin import current_origin
from onrecord.webhooks.api import endpoints, feed, replays, validation
from onrecord.webhooks.api.dry_runs import ChangingResources, would_answer
from onrecord.webhooks.api.requests import (
    DryRunIn,
    EndpointIn,
    EndpointListParams,
    EndpointPatch,
    PauseIn,
    ReplayIn,
)
from onrecord.webhooks.api.resources import (
    Resources,
    delivery_with_attempts,
    endpoint_row,
    read_endpoint,
    unknown_endpoint,
)
from onrecord.webhooks.api.responses import (
    Delivery,
    DryRun,
    Endpoint,
    EndpointMade,
    EndpointPage,
    Replay,
    Rotated,
)
from onrecord.webhooks.tables import LOWEST_ID

router = APIRouter(
    prefix="/v1",
    tags=["webhooks API"],
    route_class=ListRoute,
    responses=responses(404, 422, 503),
)
_NO_REASON: Final = PauseIn()
_NOT_STORED: Final = {"Cache-Control": "no-store"}  # an answer with a secret (RFC 9111, 5.2.2.5)
_BODY: dict[int | str, dict[str, Any]] = responses(400, 413, 415)
_BODY_OR_409: dict[int | str, dict[str, Any]] = responses(400, 409, 413, 415)


@router.post(
    "/endpoints",
    status_code=201,
    responses={**_BODY, **would_answer(EndpointMade)},
    operation_id="createEndpoint",
)
async def make_endpoint(
    body: EndpointIn, response: Response, resources: ChangingResources
) -> EndpointMade:
    """Send events to an address from here on. The secret is shown only once."""
    url = validation.check_url(body.url, resources.allow)
    await validation.check_names(resources.pool, body)
    id_, secret = await endpoints.create_endpoint(resources.pool, resources.cipher, body, url)
    resources.fan_out.notify([current_origin()])
    response.headers.update(_NOT_STORED)
    return EndpointMade(**(await read_endpoint(resources.pool, id_)).model_dump(), secret=secret)


@router.get("/endpoints", response_model=EndpointPage)
async def list_endpoints(
    request: Request,
    resources: Resources,
    params: Annotated[EndpointListParams, Query()],
) -> Page:
    """Endpoints, oldest first."""
    after = _after(request, params.cursor) if params.cursor is not None else LOWEST_ID
    # one more than a page tells whether there is a next one
    listed = await fetch_all(
        resources.pool, endpoints.LIST, {"after": after, "limit": params.limit + 1}
    )
    cursor = None
    if len(listed) > params.limit:
        cursor = paging.cursor(request, [0, str(listed[params.limit - 1]["id"])])
    items = [endpoints.endpoint_out(row).model_dump(mode="json") for row in listed[: params.limit]]
    return Page(items=items, cursor=cursor)


def _after(request: Request, cursor: str) -> UUID:
    try:
        return UUID(paging.key(request, cursor, int, str)[1])
    except ValueError:
        raise paging.invalid_cursor() from None


@router.post("/endpoints/dry-run", responses=_BODY, operation_id="dryRunFilter")
async def dry_run(body: DryRunIn, resources: ChangingResources) -> DryRun:
    """Which of the last events match a filter. Nothing is created or sent."""
    await validation.check_names(resources.pool, body)
    return await feed.dry_run_filter(resources.pool, endpoints.filter_of(body), body.events)


@router.get("/endpoints/{id}")
async def get_endpoint(id: UUID, resources: Resources) -> Endpoint:
    """An endpoint with its health and its last replay."""
    return await read_endpoint(resources.pool, id)


@router.patch("/endpoints/{id}", responses=_BODY, operation_id="updateEndpoint")
async def change_endpoint(id: UUID, body: EndpointPatch, resources: ChangingResources) -> Endpoint:
    """Change address, description, filters or order, for events from here on."""
    row = await endpoint_row(resources.pool, id)
    new = {name: getattr(body, name) for name in body.model_fields_set}
    if nulls := [name for name, value in new.items() if value is None and name != "description"]:
        faults = [at(f"/{name}", "cannot be null; leave it out, or empty it") for name in nulls]
        raise Problem(422, "invalid", "Some fields cannot be accepted.", errors=faults)
    if "url" in new:
        new["url"] = validation.check_url(new["url"], resources.allow)
    validation.check_filters({**row, **new})
    await validation.check_names(resources.pool, body)
    lists = {
        name: list(dict.fromkeys(value)) for name, value in new.items() if isinstance(value, tuple)
    }
    if not await endpoints.update_endpoint(resources.pool, id, {**new, **lists}):
        raise unknown_endpoint(id)
    return await read_endpoint(resources.pool, id)


@router.delete("/endpoints/{id}", status_code=204)
async def delete_endpoint(id: UUID, resources: Resources) -> None:
    """Delete an endpoint and its delivery log."""
    if not await endpoints.execute_once(resources.pool, endpoints.DELETE, {"id": id}):
        raise unknown_endpoint(id)


@router.post("/endpoints/{id}/pause", responses=_BODY)
async def pause_endpoint(
    id: UUID, resources: ChangingResources, body: PauseIn = _NO_REASON
) -> Endpoint:
    """Send nothing until the endpoint is resumed; its deliveries are kept."""
    await endpoint_row(resources.pool, id)
    pause = {"id": id, "reason": body.reason, "by": endpoints.PAUSED_BY_CLIENT}
    await endpoints.execute_once(resources.pool, endpoints.PAUSE, pause)
    return await read_endpoint(resources.pool, id)


@router.post("/endpoints/{id}/resume")
async def resume_endpoint(id: UUID, resources: ChangingResources) -> Endpoint:
    """Send again, beginning with the events since the pause."""
    await endpoint_row(resources.pool, id)
    await endpoints.execute_once(resources.pool, endpoints.RESUME, {"id": id})
    resources.fan_out.notify([current_origin()])
    resources.wake.notify([current_origin()])
    return await read_endpoint(resources.pool, id)


@router.post("/endpoints/{id}/ping", status_code=202, responses=would_answer(Delivery))
async def ping_endpoint(id: UUID, resources: ChangingResources) -> Delivery:
    """Send a signed test delivery, also to a paused endpoint. It is not retried."""
    await endpoint_row(resources.pool, id)
    delivery = await endpoints.queue_ping(resources.pool, id)
    resources.wake.notify([current_origin()])
    return await delivery_with_attempts(resources.pool, delivery)


@router.post("/endpoints/{id}/rotate")
async def rotate_secret(id: UUID, response: Response, resources: ChangingResources) -> Rotated:
    """Create a new secret. For 24 hours deliveries are signed with the old one too."""
    rotated = await endpoints.rotate_endpoint_secret(resources.pool, resources.cipher, id)
    if rotated is None:
        raise unknown_endpoint(id)
    secret, row = rotated
    response.headers.update(_NOT_STORED)
    return Rotated(id=id, secret=secret, secret_overlap_until=row["old_until"])


@router.post(
    "/endpoints/{id}/replay",
    status_code=202,
    responses={**_BODY_OR_409, **would_answer(Replay)},
)
async def replay_events(id: UUID, body: ReplayIn, resources: ChangingResources) -> Replay:
    """Send the events of an endpoint again from a size or a time on: in order, one at a time, at
    most 100 a second, each under its first `webhook-id`.
    """
    row = await endpoint_row(resources.pool, id)
    if body.from_size is not None:
        await validation.check_size(resources.pool, body.from_size)
    if not await replays.start_replay(resources.pool, row, body.from_size, body.since):
        raise Problem(
            409, "replay-running", "A replay of this endpoint is running; wait until it has ended."
        )
    resources.fan_out.notify([current_origin()])
    replay = (await read_endpoint(resources.pool, id)).replay
    assert replay is not None
    return replay
