"""Server and client of the benchmarks over HTTP.

`serve` runs the application as `entrypoints.local_api` does; `served` runs it in a process. Used by
`post`, `batch`, `replay` and `flat_cost`.
"""

import asyncio
import http.client
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import bench
import orjson
import statements
from fastapi import APIRouter
from pydantic import SecretStr

from onrecord.access.registry import INSERT_KEY
from onrecord.access.tokens import token_digest
from onrecord.domain.scopes import ALL_SCOPES
from onrecord.entrypoints import infrastructure, server
from onrecord.entrypoints.app_factory import create_app
from onrecord.kit import logs
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db

NDJSON = "application/x-ndjson"


# Of a key that all clients send; `deployment` and `serve` create it.
_ID = UUID("01939a3c-0000-7000-8000-00000000be9c")
_TOKEN = f"onrecord_{_ID.hex}_{7:064x}"
AUTHORIZATION = f"Authorization: Bearer {_TOKEN}"
RATE = "1000000/second"


async def create_key(url: str) -> None:
    """Make the key of the clients usable, without an entry on record."""
    async with db.pool(url, role="onrecord_access", size=1) as pool:
        key = {"id": _ID, "name": "bench", "scopes": list(ALL_SCOPES), "expires_at": None}
        await db.fetch_all(pool, INSERT_KEY, {**key, "sha256": token_digest(_TOKEN)})


def serve(url: str, port: int, *more: APIRouter) -> None:
    """Serve all APIs and `more`, with the embedded database as the broker of notifications.

    The routes of `more` come first, so that a baseline is not slowed down by routing.
    """
    bare = Settings(database_url=SecretStr(url), port=port, rate_per_key=RATE)
    settings = infrastructure.with_addresses(bare, url)
    asyncio.run(create_key(url))
    app = create_app(settings, frozenset({"write", "read", "audit"}))
    for router in more:
        app.include_router(router)
        app.router.routes.insert(0, app.router.routes.pop())
    logs.configure("api")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # its log
    server.serve(app, settings)


@dataclass(frozen=True)
class Served:
    """An API process."""

    port: int
    pid: int

    def peak(self) -> float:
        """Peak memory since the start or `reset_peak`, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(kib) / 1024

    def reset_peak(self) -> None:
        """Reset the peak."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@contextmanager
def served(url: str, run: Callable[[str, int], None] | None = None) -> Iterator[Served]:
    """Run a process that serves all APIs, or calls `run(url, port)`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = bench.SPAWN.Process(target=run or serve, args=(url, port))
    process.start()
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except ConnectionRefusedError:
                assert process.is_alive(), "the API process ended"
                assert time.monotonic() < deadline, "the API process does not start"
                time.sleep(0.05)
        assert process.pid
        yield Served(port, process.pid)
    finally:
        process.terminate()
        process.join(20)


def cast_lines() -> Iterable[bytes]:
    """Lines of a batch that register the actors and topics of the statements."""
    for op, bodies in (("actor", statements.actor_bodies()), ("topic", statements.topic_bodies())):
        for body in bodies:
            yield orjson.dumps({"op": op, "id": body["id"], "body": body}) + b"\n"


def statement_lines(start: int, count: int) -> Iterable[bytes]:
    """Lines of a batch, each a statement."""
    for n in range(start, start + count):
        body = statements.body(n)
        yield orjson.dumps({"op": "statement", "id": body.pop("id"), "body": body}) + b"\n"


class _Connection(http.client.HTTPConnection):
    """A connection whose requests have a key."""

    def putrequest(self, *arguments: Any, **options: Any) -> None:
        super().putrequest(*arguments, **options)
        self.putheader(*AUTHORIZATION.split(": "))


def connection(port: int) -> http.client.HTTPConnection:
    return _Connection("127.0.0.1", port, timeout=3_600)


def send(port: int, lines: Iterable[bytes]) -> int:
    """Post a batch, of which all lines must be recorded; returns their number."""
    body = b"".join(lines)
    conn = connection(port)
    conn.request("POST", "/v1/batch", body, {"Content-Type": NDJSON})
    answer = conn.getresponse()
    count = 0
    for line in answer:
        assert b'"status":201' in line, line
        count += 1
    conn.close()
    assert count == body.count(b"\n"), f"{count} answers"
    return count
