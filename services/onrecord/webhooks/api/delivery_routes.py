"""Routes of the webhooks API about deliveries: the log, resends, the feed of an endpoint."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query, Request

from onrecord.kit.http import paging
from onrecord.kit.http.problems import Problem, responses
from onrecord.kit.lists.list_route import ListRoute
from onrecord.kit.lists.page import Page
from onrecord.kit.telemetry.request_origin import current_origin
from onrecord.webhooks.api import delivery_log, feed
from onrecord.webhooks.api.dry_runs import ChangingResources
from onrecord.webhooks.api.requests import DeliveryListParams, FeedParams, ResendIn
from onrecord.webhooks.api.resources import Resources, delivery_with_attempts, endpoint_row
from onrecord.webhooks.api.responses import Delivery, DeliveryPage, FeedPage, Resent
from onrecord.webhooks.matching import Filter

router = APIRouter(
    prefix="/v1",
    tags=["webhooks API"],
    route_class=ListRoute,
    responses=responses(404, 422, 503),
)
DeliveryId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("/endpoints/{id}/deliveries", response_model=DeliveryPage)
async def list_deliveries(
    request: Request,
    id: UUID,
    resources: Resources,
    params: Annotated[DeliveryListParams, Query()],
) -> Page:
    """The deliveries of an endpoint, newest first, with every attempt."""
    await endpoint_row(resources.pool, id)
    before = 2**63 - 1
    if params.cursor is not None:
        (before,) = paging.key(request, params.cursor, int)
    states = (params.state,) if params.state else delivery_log.STATES
    listed = await delivery_log.select_deliveries(
        resources.pool, endpoint=id, states=states, before=before, limit=params.limit + 1
    )
    cursor = None
    if len(listed) > params.limit:
        cursor = paging.cursor(request, [listed[params.limit - 1]["id"]])
    items = [
        delivery_log.delivery_out(row).model_dump(mode="json") for row in listed[: params.limit]
    ]
    return Page(items=items, cursor=cursor)


@router.post(
    "/endpoints/{id}/resend",
    responses=responses(400, 413, 415),
    operation_id="resendFailedDeliveries",
)
async def resend_failed(id: UUID, body: ResendIn, resources: ChangingResources) -> Resent:
    """Send all deliveries again that failed since a time: those whose retries were used up, and at
    once those that wait for a retry.
    """
    await endpoint_row(resources.pool, id)
    resent = await delivery_log.requeue_failed(resources.pool, id, body.failed_since)
    resources.wake.notify([current_origin()])
    return Resent(resent=resent)


@router.get("/endpoints/{id}/feed", response_model=FeedPage, operation_id="getEndpointFeed")
async def feed_of_endpoint(
    request: Request, id: UUID, resources: Resources, params: Annotated[FeedParams, Query()]
) -> Page:
    """The events that the endpoint is sent after a seq, read from the ledger, for a receiver that
    was down. Without `after`, from the creation of the endpoint.
    """
    row = await endpoint_row(resources.pool, id)
    start = row["size"] if params.after is None else params.after + 1
    if params.cursor is not None:
        (start,) = paging.key(request, params.cursor, int)
    bodies, following = await feed.feed_page(
        request, resources.pool, Filter.of(row), start, params.limit, resources.public_url
    )
    cursor = None if following is None else paging.cursor(request, [following])
    return Page(items=[orjson.Fragment(body) for body in bodies], cursor=cursor)


@router.get("/deliveries/{id}")
async def get_delivery(id: DeliveryId, resources: Resources) -> Delivery:
    """One delivery with every attempt."""
    return await delivery_with_attempts(resources.pool, id)


@router.post("/deliveries/{id}/resend", responses=responses(409))
async def resend_delivery(id: DeliveryId, resources: ChangingResources) -> Delivery:
    """Send a delivery again at once, whatever its state, under the same `webhook-id`."""
    await delivery_with_attempts(resources.pool, id)
    if not await delivery_log.requeue_delivery(resources.pool, id):
        raise Problem(
            409, "being-sent", "This delivery is being sent; wait until the attempt has ended."
        )
    resources.wake.notify([current_origin()])
    return await delivery_with_attempts(resources.pool, id)
