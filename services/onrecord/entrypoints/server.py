"""The HTTP server of an API process: uvicorn, which ends endless streams when it stops.

Used by `ingest_api`, `read_api` and `local_api`.
"""

import os
import socket
import sys
from contextlib import suppress
from typing import Any

import uvicorn
from fastapi import FastAPI

from onrecord.kit import logs
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.settings import Settings


class ApiServer(uvicorn.Server):
    """Waits for requests in progress when it stops, but not for live streams of events."""

    def __init__(self, app: FastAPI, **options: Any) -> None:
        config = uvicorn.Config(
            app,
            # named, so that a machine without them says so: asyncio and h11 are slower
            loop="uvloop",
            http="httptools",
            log_config=None,
            access_log=False,
            # Whose X-Forwarded-For is believed. uvicorn's own default would believe every client
            # on this machine, which could then choose the address that its requests count for.
            forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", ""),
            **options,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if audit_resources := self.lifespan.state.get("audit_resources"):
            audit_resources.tail.close()
        await super().shutdown(sockets)


def serve(app: FastAPI, settings: Settings, *, process: str) -> None:
    """Serve until SIGTERM or SIGINT; requests in progress are finished first."""
    logs.configure(process)
    tune_gc()
    server = ApiServer(app, host=settings.host, port=settings.port, timeout_graceful_shutdown=5)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(3)  # as `uvicorn.run` does
