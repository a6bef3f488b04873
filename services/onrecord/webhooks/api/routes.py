"""Which addresses does the webhooks door have?

Endpoints, what is sent to them, and what they would be sent. Each route checks a shape (`schemas`)
and hands over to `endpoints`, `log` or `feed`; `checks` says what else can be wrong with a body.
"""

from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from onrecord.kit.celery import Bell
from onrecord.kit.http import paging
from onrecord.kit.http.problems import Problem, at, responses
from onrecord.kit.sql.db import Pool, Row, rows
from onrecord.webhooks.api import delivery_log, endpoints, feed, validation
from onrecord.webhooks.api.schemas import (
    CloudEvent,
    Delivery,
    DeliverySearch,
    DryRun,
    DryRunIn,
    Endpoint,
    EndpointIn,
    EndpointMade,
    EndpointPatch,
    FeedSearch,
    Page,
    PauseIn,
    Replay,
    ReplayIn,
    ResendIn,
    Resent,
    Rotated,
    Search,
)
from onrecord.webhooks.delivery.claim import NOBODY
from onrecord.webhooks.http.egress import Network
from onrecord.webhooks.matching import Filter

router = APIRouter(prefix="/v1", tags=["webhooks API"], responses=responses(404, 422, 503))
_NO_REASON: Final = PauseIn()
_BODY: dict[int | str, dict[str, Any]] = responses(400, 413, 415)
_BODY_OR_409: dict[int | str, dict[str, Any]] = responses(400, 409, 413, 415)


class Door:
    """What the entrypoint opened for this door: its pool, its bells, and whom it may send to."""

    def __init__(self, pool: Pool, allow: tuple[Network, ...], wake: Bell, fan_out: Bell) -> None:
        self.pool, self.allow, self.wake, self.fan_out = pool, allow, wake, fan_out


async def door(request: Request) -> Door:
    """The door that the entrypoint made."""
    found: Door = request.state.webhooks
    return found


Opened = Annotated[Door, Depends(door)]
DeliveryId = Annotated[int, Path(ge=1, lt=2**63)]


async def _endpoint(door: Door, id_: UUID) -> Row:
    found = await rows(door.pool, endpoints.ONE, {"id": id_})
    if not found:
        raise Problem(404, "unknown-endpoint", f"There is no endpoint {id_}.")
    return found[0]


async def _told(door: Door, id_: UUID) -> Endpoint:
    return endpoints.endpoint_out(await _endpoint(door, id_))


@router.post("/endpoints", status_code=201, responses=_BODY)
async def make_endpoint(body: EndpointIn, door: Opened) -> EndpointMade:
    """Have events sent to an address from here on. The secret is told once."""
    url = validation.url(body.url, door.allow)
    await validation.names(door.pool, body)
    id_, secret = await endpoints.make(door.pool, body, url)
    door.fan_out.ring()
    return EndpointMade(**(await _told(door, id_)).model_dump(), secret=secret)


@router.get("/endpoints")
async def list_endpoints(
    request: Request, response: Response, door: Opened, ask: Annotated[Search, Query()]
) -> Page[Endpoint]:
    """Endpoints, in the order of their making."""
    after = _after(ask.cursor) if ask.cursor else NOBODY
    found = await rows(door.pool, endpoints.LIST, {"after": after, "limit": ask.limit + 1})
    cursor = None
    if len(found) > ask.limit:
        cursor = paging.cursor([0, str(found[ask.limit - 1]["id"])])
        response.headers["Link"] = paging.link(request.url, cursor)
    return Page(items=[endpoints.endpoint_out(row) for row in found[: ask.limit]], next=cursor)


def _after(cursor: str) -> UUID:
    try:
        return UUID(paging.key(cursor, int, str)[1])
    except ValueError:
        raise paging.invalid_cursor() from None


@router.post("/endpoints/dry-run", responses=_BODY)
async def dry_run(body: DryRunIn, door: Opened) -> DryRun:
    """Which of the last events a filter would have let through. Nothing is made or sent."""
    await validation.names(door.pool, body)
    return await feed.dry_run(door.pool, endpoints.filter_of(body), body.events)


@router.get("/endpoints/{id}")
async def get_endpoint(id: UUID, door: Opened) -> Endpoint:
    """An endpoint, how it is doing, and how far its last replay is."""
    return await _told(door, id)


@router.patch("/endpoints/{id}", responses=_BODY)
async def change_endpoint(id: UUID, body: EndpointPatch, door: Opened) -> Endpoint:
    """Change address, description, filters or order; holds for events from here on."""
    held = await _endpoint(door, id)
    new = {name: getattr(body, name) for name in body.model_fields_set}
    if wrong := [name for name, value in new.items() if value is None and name != "description"]:
        faults = [at(f"/{name}", "cannot be null; leave it out, or empty it") for name in wrong]
        raise Problem(422, "invalid", "Some fields cannot be accepted.", errors=faults)
    if "url" in new:
        new["url"] = validation.url(new["url"], door.allow)
    validation.reachable({**held, **new})
    await validation.names(door.pool, body)
    listed = {name: list(dict.fromkeys(one)) for name, one in new.items() if isinstance(one, tuple)}
    if not await endpoints.change(door.pool, id, {**new, **listed}):
        raise Problem(404, "unknown-endpoint", f"There is no endpoint {id}.")
    return await _told(door, id)


@router.delete("/endpoints/{id}", status_code=204)
async def delete_endpoint(id: UUID, door: Opened) -> None:
    """Nothing is sent to it any more; its log goes with it."""
    if not await endpoints.changed(door.pool, endpoints.DELETE, {"id": id}):
        raise Problem(404, "unknown-endpoint", f"There is no endpoint {id}.")


@router.post("/endpoints/{id}/pause", responses=_BODY)
async def pause_endpoint(id: UUID, door: Opened, body: PauseIn = _NO_REASON) -> Endpoint:
    """Send it nothing until it resumes. Nothing is lost by it."""
    await _endpoint(door, id)
    asked = {"id": id, "reason": body.reason, "by": endpoints.PEOPLE}
    await endpoints.changed(door.pool, endpoints.PAUSE, asked)
    return await _told(door, id)


@router.post("/endpoints/{id}/resume")
async def resume_endpoint(id: UUID, door: Opened) -> Endpoint:
    """Go on from where it paused, with what came meanwhile."""
    await _endpoint(door, id)
    await endpoints.changed(door.pool, endpoints.RESUME, {"id": id})
    door.fan_out.ring()
    door.wake.ring()
    return await _told(door, id)


@router.post("/endpoints/{id}/ping", status_code=202)
async def ping_endpoint(id: UUID, door: Opened) -> Delivery:
    """Send a signed test, also to a paused endpoint; once, whatever comes of it."""
    await _endpoint(door, id)
    delivery = await endpoints.ping(door.pool, id)
    door.wake.ring()
    return await _delivery(door, delivery)


@router.post("/endpoints/{id}/rotate")
async def rotate_secret(id: UUID, door: Opened) -> Rotated:
    """A new secret. The old one signs along for 24 hours: take both, then the new one only."""
    found = await endpoints.rotate(door.pool, id)
    if found is None:
        raise Problem(404, "unknown-endpoint", f"There is no endpoint {id}.")
    secret, row = found
    return Rotated(id=id, secret=secret, secret_overlap_until=row["old_until"])


@router.post("/endpoints/{id}/replay", status_code=202, responses=_BODY_OR_409)
async def replay_events(id: UUID, body: ReplayIn, door: Opened) -> Replay:
    """Send again what it was, or would have been, sent from a size or a time on: in order, one at a
    time, at most 100 a second, each under the id that it had. Up to what it is sent anyway.
    """
    held = await _endpoint(door, id)
    if body.from_size is not None:
        await validation.size(door.pool, body.from_size)
    if not await endpoints.replay(door.pool, held, body.from_size, body.since):
        raise Problem(
            409, "replay-running", "A replay of this endpoint is running; wait until it has ended."
        )
    door.fan_out.ring()
    told = (await _told(door, id)).replay
    assert told is not None
    return told


@router.get("/endpoints/{id}/deliveries")
async def list_deliveries(
    request: Request,
    response: Response,
    id: UUID,
    door: Opened,
    ask: Annotated[DeliverySearch, Query()],
) -> Page[Delivery]:
    """What was sent and is to be sent, the last made first, with every attempt."""
    await _endpoint(door, id)
    before = paging.key(ask.cursor, int)[0] if ask.cursor else 2**63 - 1
    states = [ask.state] if ask.state else list(delivery_log.STATES)
    asked = {"endpoint": id, "states": states, "before": before, "limit": ask.limit + 1}
    found = await rows(door.pool, delivery_log.LIST, asked)
    cursor = None
    if len(found) > ask.limit:
        cursor = paging.cursor([found[ask.limit - 1]["id"]])
        response.headers["Link"] = paging.link(request.url, cursor)
    return Page(items=[delivery_log.delivery_out(row) for row in found[: ask.limit]], next=cursor)


@router.post("/endpoints/{id}/resend", responses=_BODY)
async def resend_failed(id: UUID, body: ResendIn, door: Opened) -> Resent:
    """Make all deliveries due again that failed for good since a time."""
    await _endpoint(door, id)
    resent = await endpoints.resend_failed(door.pool, id, body.failed_since)
    door.wake.ring()
    return Resent(resent=resent)


@router.get("/endpoints/{id}/feed", response_model=Page[CloudEvent])
async def feed_of_endpoint(
    request: Request, id: UUID, door: Opened, ask: Annotated[FeedSearch, Query()]
) -> Response:
    """What the endpoint would be sent after a seq, from the ledger: for a receiver that was down.
    Without `after`, from where the endpoint began.
    """
    held = await _endpoint(door, id)
    start = held["size"] if ask.after is None else ask.after + 1
    if ask.cursor is not None:
        (start,) = paging.key(ask.cursor, int)
    bodies, then = await feed.page(door.pool, Filter.of(held), start, ask.limit)
    headers = {"Cache-Control": "no-cache"}
    cursor = None
    if then is not None:
        cursor = paging.cursor([then])
        headers["Link"] = paging.link(request.url, cursor)
    answer = orjson.dumps({"items": [orjson.Fragment(one) for one in bodies], "next": cursor})
    return Response(answer, headers=headers, media_type="application/json")


async def _delivery(door: Door, id_: int) -> Delivery:
    found = await rows(door.pool, delivery_log.ONE, {"id": id_})
    if not found:
        raise Problem(404, "unknown-delivery", f"There is no delivery {id_}.")
    return delivery_log.delivery_out(found[0])


@router.get("/deliveries/{id}")
async def get_delivery(id: DeliveryId, door: Opened) -> Delivery:
    """One delivery with every attempt."""
    return await _delivery(door, id)


@router.post("/deliveries/{id}/resend", responses=responses(409))
async def resend_delivery(id: DeliveryId, door: Opened) -> Delivery:
    """Send it once more, at once, whatever came of it; under the same `webhook-id`."""
    await _delivery(door, id)
    if not await endpoints.changed(door.pool, delivery_log.RESEND, {"id": id}):
        raise Problem(409, "being-sent", "It is being sent just now; wait for what comes of it.")
    door.wake.ring()
    return await _delivery(door, id)


async def check(door: Door) -> tuple[bool, Any]:
    """For `/readyz`: how far the fan-out is."""
    return True, (await rows(door.pool, endpoints.FAR, {}))[0]
