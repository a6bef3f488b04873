"""Dry runs of the webhooks API: requests whose changes of the database are rolled back.

`ChangingResources` is what routes take that change something. With `dry_run=1` their resources are
those of one such transaction, and nobody is notified.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast

import psycopg
from fastapi import Depends, Query, Response
from pydantic import BaseModel

from onrecord.kit.celery import TaskNotifier
from onrecord.kit.sql.db import Pool, Row
from onrecord.webhooks.api.resources import Resources, WebhooksResources


class OneConnection:
    """Takes the place of a pool, with one connection and its open transaction."""

    def __init__(self, conn: psycopg.AsyncConnection[Row]) -> None:
        self._conn = conn

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Row]]:
        yield self._conn

    async def drain(self) -> None:
        """Nothing: the transaction ends with its connection."""


class NoNotifier:
    """Takes the place of a notifier, and sends nothing."""

    def notify(self, *_: Any) -> None:
        pass


async def changing_resources(
    response: Response,
    resources: Resources,
    dry_run: Annotated[
        bool,
        Query(description="Change and send nothing: 200 with the answer as it would be."),
    ] = False,
) -> AsyncIterator[WebhooksResources]:
    """FastAPI dependency: the resources of a request that changes something."""
    if not dry_run:
        yield resources
        return
    response.status_code = 200
    silent = cast(TaskNotifier, NoNotifier())
    async with resources.pool.connection() as conn, conn.transaction(force_rollback=True):
        yield WebhooksResources(
            cast(Pool, OneConnection(conn)),
            resources.allow,
            resources.public_url,
            resources.cipher,
            silent,
            silent,
        )


ChangingResources = Annotated[WebhooksResources, Depends(changing_resources)]


def would_answer(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The answer of a dry run, for `responses=` of a route with another status."""
    return {200: {"model": model, "description": "A dry run: the answer as it would be."}}
