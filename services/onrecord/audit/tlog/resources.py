"""The resources of the log's routes, in the lifespan state of the application."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from onrecord.audit.tlog.latest_checkpoint import LatestCheckpoint
from onrecord.kit.sql.db import Pool


@dataclass(frozen=True)
class LogResources:
    """A pool in the role of the audit API, and the reader of checkpoints over it."""

    pool: Pool
    latest: LatestCheckpoint
    public_url: str
    policy: str
    """The text of the operator's policy."""


async def get_log_resources(request: Request) -> LogResources:
    """FastAPI dependency: the resources of the log."""
    resources: LogResources = request.state.log_resources
    return resources


LogResourcesDep = Annotated[LogResources, Depends(get_log_resources)]
