"""Is this process up, and can it do its work?

`/healthz` answers while the process lives. `/readyz` asks each check that the entrypoint gave it,
and answers 503 where one says no.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import structlog
from fastapi import APIRouter, Response

log = structlog.get_logger()

PATIENCE = 3.0
"""Seconds that a check may take."""

Check = Callable[[], Awaitable[tuple[bool, Any]]]
"""Answers whether all is well, and what to say of it."""


async def _look(name: str, check: Check) -> tuple[bool, Any]:
    try:
        return await asyncio.wait_for(check(), PATIENCE)
    except Exception as error:  # whatever it is, the answer is "not ready"
        log.warning("a check failed", check=name, exc_info=error)
        return False, type(error).__name__


def router(checks: Mapping[str, Check]) -> APIRouter:
    """Routes for these checks."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @routes.get("/readyz", responses={503: {"description": "Some check says no."}})
    async def readyz() -> Response:
        """The process can do its work; 503 and which part cannot, otherwise."""
        found = await asyncio.gather(*(_look(name, check) for name, check in checks.items()))
        ready = all(well for well, _ in found)
        answers = {
            name: {"ok": well, "detail": said}
            for name, (well, said) in zip(checks, found, strict=True)
        }
        body = orjson.dumps({"status": "ready" if ready else "not ready", "checks": answers})
        return Response(body, 200 if ready else 503, media_type="application/json")

    return routes
