"""Routes of health checks: `/healthz` and `/readyz`. Installed by `entrypoints.app_factory`.

`/healthz` answers while the process lives. `/readyz` runs the checks of each part and answers 503
where one of them fails.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.datastructures import State

from onrecord.kit.http.json_bytes import json_bytes

log = structlog.get_logger()

CHECK_TIMEOUT: Final = 3.0
"""Seconds."""

HealthCheck = Callable[[State], Awaitable[tuple[bool, Any]]]
"""Takes the application's lifespan state; returns whether the part is ready, and a detail."""


class Health(BaseModel):
    status: Literal["ok"]


class PartReadiness(BaseModel):
    """Whether a part of the service can do its work."""

    ok: bool
    detail: Annotated[Any, Field(description="For people; its form may change.")]


class Readiness(BaseModel):
    status: Literal["ready", "not ready"]
    checks: Annotated[dict[str, PartReadiness], Field(description="By part.")]


async def _run_check(name: str, check: HealthCheck, state: State) -> tuple[bool, Any]:
    try:
        return await asyncio.wait_for(check(state), CHECK_TIMEOUT)
    except Exception as error:  # whatever it is, the part is not ready
        log.warning("a check failed", check=name, exc_info=error)
        return False, type(error).__name__


def health_router(checks: Mapping[str, HealthCheck]) -> APIRouter:
    """Routes over these checks, by the name of the part."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", operation_id="getHealth")
    async def healthz() -> Health:
        """The process lives."""
        return Health(status="ok")

    @router.get(
        "/readyz",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Some check says no."}},
        operation_id="getReadiness",
    )
    async def readyz(request: Request) -> Response:
        """The process can do its work; 503 and which part cannot, otherwise."""
        results = await asyncio.gather(
            *(_run_check(name, check, request.state) for name, check in checks.items())
        )
        ready = all(ok for ok, _ in results)
        answers = {
            name: {"ok": ok, "detail": detail}
            for name, (ok, detail) in zip(checks, results, strict=True)
        }
        body = json_bytes({"status": "ready" if ready else "not ready", "checks": answers})
        if ready:
            return Response(body, media_type="application/json")
        return Response(body, 503, {"Retry-After": "1"}, media_type="application/json")

    return router
