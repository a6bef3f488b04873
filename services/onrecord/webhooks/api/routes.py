"""Routes of the webhooks API: endpoints, their deliveries, their feed.

Each takes a body or parameters (`requests`), checks what their shape cannot say (`validation`), and
calls `endpoints`, `replays`, `delivery_log` or `feed`.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from onrecord.kit.celery import TaskNotifier
from onrecord.kit.http import paging
from onrecord.kit.http.problems import Problem, at, responses
from onrecord.kit.http.strict_routes import StrictRoute
from onrecord.kit.sql.db import Pool, Row, rows
from onrecord.webhooks.api import delivery_log, endpoints, feed, replays, validation
from onrecord.webhooks.api.requests import (
    DeliveryListParams,
    DryRunIn,
    EndpointIn,
    EndpointListParams,
    EndpointPatch,
    FeedParams,
    PauseIn,
    ReplayIn,
    ResendIn,
)
from onrecord.webhooks.api.responses import (
    Delivery,
    DeliveryPage,
    DryRun,
    Endpoint,
    EndpointMade,
    EndpointPage,
    FeedPage,
    Replay,
    Resent,
    Rotated,
)
from onrecord.webhooks.http.egress import Network
from onrecord.webhooks.matching import Filter
from onrecord.webhooks.tables import LOWEST_ID

router = APIRouter(
    prefix="/v1", tags=["webhooks"], route_class=StrictRoute, responses=responses(404, 422, 503)
)
_NO_REASON: Final = PauseIn()
_BODY: dict[int | str, dict[str, Any]] = responses(400, 413, 415)
_BODY_OR_409: dict[int | str, dict[str, Any]] = responses(400, 409, 413, 415)


class WebhooksResources:
    """What `app_factory` opens for these routes.

    `allow`: networks that endpoints may have addresses in although they are not public. `wake` and
    `fan_out` send the tasks that wake the deliverer and the worker.
    """

    def __init__(
        self, pool: Pool, allow: tuple[Network, ...], wake: TaskNotifier, fan_out: TaskNotifier
    ) -> None:
        self.pool, self.allow, self.wake, self.fan_out = pool, allow, wake, fan_out


async def webhooks_resources(request: Request) -> WebhooksResources:
    """What `app_factory` opened."""
    resources: WebhooksResources = request.app.state.webhooks
    return resources


Resources = Annotated[WebhooksResources, Depends(webhooks_resources)]
DeliveryId = Annotated[int, Path(ge=1, lt=2**63)]


def _unknown_endpoint(id_: UUID) -> Problem:
    return Problem(404, "unknown-endpoint", f"There is no endpoint {id_}.")


async def _endpoint_row(pool: Pool, id_: UUID) -> Row:
    endpoint_rows = await rows(pool, endpoints.ONE, {"id": id_})
    if not endpoint_rows:
        raise _unknown_endpoint(id_)
    return endpoint_rows[0]


async def _endpoint(pool: Pool, id_: UUID) -> Endpoint:
    return endpoints.endpoint_out(await _endpoint_row(pool, id_))


@router.post("/endpoints", status_code=201, responses=_BODY)
async def make_endpoint(body: EndpointIn, resources: Resources) -> EndpointMade:
    """Have events sent to an address from here on. The secret is told once."""
    url = validation.check_url(body.url, resources.allow)
    await validation.check_names(resources.pool, body)
    id_, secret = await endpoints.create_endpoint(resources.pool, body, url)
    resources.fan_out.notify()
    return EndpointMade(**(await _endpoint(resources.pool, id_)).model_dump(), secret=secret)


@router.get("/endpoints")
async def list_endpoints(
    request: Request,
    response: Response,
    resources: Resources,
    params: Annotated[EndpointListParams, Query()],
) -> EndpointPage:
    """Endpoints, in the order of their making."""
    after = _after(params.cursor) if params.cursor else LOWEST_ID
    # one more than a page tells whether there is a next one
    listed = await rows(resources.pool, endpoints.LIST, {"after": after, "limit": params.limit + 1})
    cursor = None
    if len(listed) > params.limit:
        cursor = paging.cursor([0, str(listed[params.limit - 1]["id"])])
        response.headers["Link"] = paging.link(request.url, cursor)
    items = [endpoints.endpoint_out(row) for row in listed[: params.limit]]
    return EndpointPage(items=items, next=cursor)


def _after(cursor: str) -> UUID:
    try:
        return UUID(paging.key(cursor, int, str)[1])
    except ValueError:
        raise paging.not_ours() from None


@router.post("/endpoints/dry-run", responses=_BODY)
async def dry_run(body: DryRunIn, resources: Resources) -> DryRun:
    """Which of the last events a filter would have let through. Nothing is made or sent."""
    await validation.check_names(resources.pool, body)
    return await feed.dry_run_filter(resources.pool, endpoints.filter_of(body), body.events)


@router.get("/endpoints/{id}")
async def get_endpoint(id: UUID, resources: Resources) -> Endpoint:
    """An endpoint, how it is doing, and how far its last replay is."""
    return await _endpoint(resources.pool, id)


@router.patch("/endpoints/{id}", responses=_BODY)
async def change_endpoint(id: UUID, body: EndpointPatch, resources: Resources) -> Endpoint:
    """Change address, description, filters or order; holds for events from here on."""
    row = await _endpoint_row(resources.pool, id)
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
        raise _unknown_endpoint(id)
    return await _endpoint(resources.pool, id)


@router.delete("/endpoints/{id}", status_code=204)
async def delete_endpoint(id: UUID, resources: Resources) -> None:
    """Nothing is sent to it any more; its log goes with it."""
    if not await endpoints.execute_once(resources.pool, endpoints.DELETE, {"id": id}):
        raise _unknown_endpoint(id)


@router.post("/endpoints/{id}/pause", responses=_BODY)
async def pause_endpoint(id: UUID, resources: Resources, body: PauseIn = _NO_REASON) -> Endpoint:
    """Send it nothing until it resumes. Nothing is lost by it."""
    await _endpoint_row(resources.pool, id)
    pause = {"id": id, "reason": body.reason, "by": endpoints.PAUSED_BY_CLIENT}
    await endpoints.execute_once(resources.pool, endpoints.PAUSE, pause)
    return await _endpoint(resources.pool, id)


@router.post("/endpoints/{id}/resume")
async def resume_endpoint(id: UUID, resources: Resources) -> Endpoint:
    """Go on from where it paused, with what came meanwhile."""
    await _endpoint_row(resources.pool, id)
    await endpoints.execute_once(resources.pool, endpoints.RESUME, {"id": id})
    resources.fan_out.notify()
    resources.wake.notify()
    return await _endpoint(resources.pool, id)


@router.post("/endpoints/{id}/ping", status_code=202)
async def ping_endpoint(id: UUID, resources: Resources) -> Delivery:
    """Send a signed test, also to a paused endpoint; once, whatever comes of it."""
    await _endpoint_row(resources.pool, id)
    delivery = await endpoints.queue_ping(resources.pool, id)
    resources.wake.notify()
    return await _delivery(resources.pool, delivery)


@router.post("/endpoints/{id}/rotate")
async def rotate_secret(id: UUID, resources: Resources) -> Rotated:
    """A new secret. The old one signs along for 24 hours: take both, then the new one only."""
    rotated = await endpoints.rotate_endpoint_secret(resources.pool, id)
    if rotated is None:
        raise _unknown_endpoint(id)
    secret, row = rotated
    return Rotated(id=id, secret=secret, secret_overlap_until=row["old_until"])


@router.post("/endpoints/{id}/replay", status_code=202, responses=_BODY_OR_409)
async def replay_events(id: UUID, body: ReplayIn, resources: Resources) -> Replay:
    """Send again what it was, or would have been, sent from a size or a time on: in order, one at a
    time, at most 100 a second, each under the id that it had. Up to what it is sent anyway.
    """
    row = await _endpoint_row(resources.pool, id)
    if body.from_size is not None:
        await validation.check_size(resources.pool, body.from_size)
    if not await replays.start_replay(resources.pool, row, body.from_size, body.since):
        raise Problem(
            409, "replay-running", "A replay of this endpoint is running; wait until it has ended."
        )
    resources.fan_out.notify()
    replay = (await _endpoint(resources.pool, id)).replay
    assert replay is not None
    return replay


@router.get("/endpoints/{id}/deliveries")
async def list_deliveries(
    request: Request,
    response: Response,
    id: UUID,
    resources: Resources,
    params: Annotated[DeliveryListParams, Query()],
) -> DeliveryPage:
    """What was sent and is to be sent, the last made first, with every attempt."""
    await _endpoint_row(resources.pool, id)
    before = paging.key(params.cursor, int)[0] if params.cursor else 2**63 - 1
    states = (params.state,) if params.state else delivery_log.STATES
    listed = await delivery_log.select_deliveries(
        resources.pool, endpoint=id, states=states, before=before, limit=params.limit + 1
    )
    cursor = None
    if len(listed) > params.limit:
        cursor = paging.cursor([listed[params.limit - 1]["id"]])
        response.headers["Link"] = paging.link(request.url, cursor)
    items = [delivery_log.delivery_out(row) for row in listed[: params.limit]]
    return DeliveryPage(items=items, next=cursor)


@router.post("/endpoints/{id}/resend", responses=_BODY)
async def resend_failed(id: UUID, body: ResendIn, resources: Resources) -> Resent:
    """Make all deliveries due again that failed for good since a time."""
    await _endpoint_row(resources.pool, id)
    resent = await delivery_log.requeue_failed(resources.pool, id, body.failed_since)
    resources.wake.notify()
    return Resent(resent=resent)


@router.get("/endpoints/{id}/feed", response_model=FeedPage)
async def feed_of_endpoint(
    request: Request, id: UUID, resources: Resources, params: Annotated[FeedParams, Query()]
) -> Response:
    """What the endpoint would be sent after a seq, from the ledger: for a receiver that was down.
    Without `after`, from where the endpoint began.
    """
    row = await _endpoint_row(resources.pool, id)
    start = row["size"] if params.after is None else params.after + 1
    if params.cursor is not None:
        (start,) = paging.key(params.cursor, int)
    bodies, following = await feed.feed_page(resources.pool, Filter.of(row), start, params.limit)
    headers = {"Cache-Control": "no-cache"}
    cursor = None
    if following is not None:
        cursor = paging.cursor([following])
        headers["Link"] = paging.link(request.url, cursor)
    page = {"items": [orjson.Fragment(body) for body in bodies], "next": cursor}
    return Response(orjson.dumps(page), headers=headers, media_type="application/json")


async def _delivery(pool: Pool, id_: int) -> Delivery:
    row = await delivery_log.read_delivery(pool, id_)
    if row is None:
        raise Problem(404, "unknown-delivery", f"There is no delivery {id_}.")
    return delivery_log.delivery_out(row)


@router.get("/deliveries/{id}")
async def get_delivery(id: DeliveryId, resources: Resources) -> Delivery:
    """One delivery with every attempt."""
    return await _delivery(resources.pool, id)


@router.post("/deliveries/{id}/resend", responses=responses(409))
async def resend_delivery(id: DeliveryId, resources: Resources) -> Delivery:
    """Send it once more, at once, whatever came of it; under the same `webhook-id`."""
    await _delivery(resources.pool, id)
    if not await delivery_log.requeue_delivery(resources.pool, id):
        raise Problem(409, "being-sent", "It is being sent just now; wait for what comes of it.")
    resources.wake.notify()
    return await _delivery(resources.pool, id)


async def check_fan_out(resources: WebhooksResources) -> tuple[bool, Any]:
    """For `/readyz`: the checkpoint of the fan-out."""
    return True, (await rows(resources.pool, endpoints.FAN_OUT_CHECKPOINT, {}))[0]
