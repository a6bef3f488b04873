"""The HTTP server of an API process: uvicorn with bounds, which ends endless streams when it stops.

Used by `ingest_api`, `read_api` and `local_api`.
"""

import asyncio
import resource
import socket
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from onrecord.kit.http.server.limits import DEFAULT_LIMITS, Limits
from onrecord.kit.http.server.protocol import BoundedProtocol
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.settings import Settings

_HEADERS: Final = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin")]
"""Of every answer."""
_MAX_FILES: Final = 65_536
_OTHER_FILES: Final = 200
"""Connections to PostgreSQL and the broker, temporary and log files, libraries."""


class ApiServer(uvicorn.Server):
    """Waits for requests in progress when it stops, but not for live streams of events."""

    def __init__(
        self,
        app: FastAPI,
        *,
        limits: Limits = DEFAULT_LIMITS,
        forwarded_allow_ips: str = "",
        **options: Any,
    ) -> None:
        config = uvicorn.Config(
            app,
            # named, so that a machine without uvloop says so: asyncio is slower
            loop="uvloop",
            # uvicorn calls it as it would call the class
            http=partial(BoundedProtocol, limits=limits, idle={}),  # type: ignore[arg-type]
            timeout_keep_alive=limits.idle_seconds,
            ws="none",
            headers=_HEADERS,
            server_header=False,
            log_config=None,
            access_log=False,
            forwarded_allow_ips=forwarded_allow_ips,
            **options,
        )
        super().__init__(config)
        self._checked_at: float | None = None

    async def on_tick(self, counter: int) -> bool:
        """Check the deadlines of all connections once a second; uvicorn calls this more often."""
        now = asyncio.get_running_loop().time()
        if self._checked_at is None or now - self._checked_at >= 1:
            seconds = now - (self._checked_at or now)
            self._checked_at = now
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedProtocol):
                    connection.check_deadlines(now, seconds)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if audit_resources := self.lifespan.state.get("audit_resources"):
            audit_resources.tail.close()
        await super().shutdown(sockets)


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests in progress are finished first."""
    tune_gc()
    server = ApiServer(
        app,
        limits=_limits_of_process(),
        forwarded_allow_ips=settings.forwarded_allow_ips,
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=5,
    )
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(3)  # as `uvicorn.run` does


def _limits_of_process() -> Limits:
    """Limits with as many connections as files may be open, which are raised to the most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    connections = DEFAULT_LIMITS.connections
    if soft != resource.RLIM_INFINITY:
        connections = min(connections, max(1, soft - _OTHER_FILES))
    return replace(DEFAULT_LIMITS, connections=connections)
