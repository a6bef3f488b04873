"""Routes of health checks: `/healthz` and `/readyz`. Installed by `entrypoints.app_factory`.

`/healthz` answers while the process lives. `/readyz` runs the checks of each part and answers 503
where one of them fails.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request, Response
from starlette.datastructures import State

from onrecord.kit.http.json_bytes import json_bytes

log = structlog.get_logger()

CHECK_TIMEOUT: Final = 3.0
"""Seconds."""

HealthCheck = Callable[[State], Awaitable[tuple[bool, Any]]]
"""Takes the application's lifespan state; returns whether the part is ready, and a detail."""


async def _run_check(name: str, check: HealthCheck, state: State) -> tuple[bool, Any]:
    try:
        return await asyncio.wait_for(check(state), CHECK_TIMEOUT)
    except Exception as error:  # whatever it is, the part is not ready
        log.warning("a check failed", check=name, exc_info=error)
        return False, type(error).__name__


def health_router(checks: Mapping[str, HealthCheck]) -> APIRouter:
    """Routes over these checks, by the name of the part."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"description": "Some check says no."}})
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
