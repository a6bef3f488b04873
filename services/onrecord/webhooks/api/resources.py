"""Resources of the webhooks API, and the look-ups that its routes share.

`app_factory` opens the resources; `routes` and `delivery_routes` receive them through `Depends`.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request

from onrecord.kit.celery import TaskNotifier
from onrecord.kit.http.problems import Problem
from onrecord.kit.networks import AllowedNetwork
from onrecord.kit.sql.db import Pool, Row, fetch_all
from onrecord.webhooks.api import delivery_log, endpoints
from onrecord.webhooks.api.responses import Delivery, Endpoint
from onrecord.webhooks.encryption import SecretCipher
from onrecord.webhooks.fan_out_status import FAN_OUT_PARAMS, FAN_OUT_STATUS


class WebhooksResources:
    """What `app_factory` opens for these routes.

    `allow`: networks that endpoints may have addresses in although they are not public.
    `public_url`: the address that links begin with. `cipher` encrypts secrets. `wake` and
    `fan_out` send the tasks that wake the deliverer and the worker.
    """

    def __init__(
        self,
        pool: Pool,
        allow: tuple[AllowedNetwork, ...],
        public_url: str,
        cipher: SecretCipher,
        wake: TaskNotifier,
        fan_out: TaskNotifier,
    ) -> None:
        self.pool, self.allow, self.public_url = pool, allow, public_url
        self.cipher = cipher
        self.wake, self.fan_out = wake, fan_out


async def webhooks_resources(request: Request) -> WebhooksResources:
    """What `app_factory` opened."""
    resources: WebhooksResources = request.state.webhooks
    return resources


Resources = Annotated[WebhooksResources, Depends(webhooks_resources)]


def unknown_endpoint(id_: UUID) -> Problem:
    """The 404 problem of an endpoint that does not exist."""
    return Problem(404, "unknown-endpoint", f"There is no endpoint {id_}.")


async def endpoint_row(pool: Pool, id_: UUID) -> Row:
    """The row of an endpoint; raises a 404 `Problem` if there is none of this id."""
    endpoint_rows = await fetch_all(pool, endpoints.ONE, {"id": id_})
    if not endpoint_rows:
        raise unknown_endpoint(id_)
    return endpoint_rows[0]


async def read_endpoint(pool: Pool, id_: UUID) -> Endpoint:
    """An endpoint; raises a 404 `Problem` if there is none of this id."""
    return endpoints.endpoint_out(await endpoint_row(pool, id_))


async def delivery_with_attempts(pool: Pool, id_: int) -> Delivery:
    """A delivery; raises a 404 `Problem` if there is none of this id."""
    row = await delivery_log.read_delivery(pool, id_)
    if row is None:
        raise Problem(404, "unknown-delivery", f"There is no delivery {id_}.")
    return delivery_log.delivery_out(row)


async def check_fan_out(resources: WebhooksResources) -> tuple[bool, Any]:
    """For `/readyz`: whether the fan-out is kept up to date, and where it is."""
    (status,) = await fetch_all(resources.pool, FAN_OUT_STATUS, FAN_OUT_PARAMS)
    return not status["stalled"], status
