"""HTTP clients that go away before they have their answer, and whether pools are whole after them.

Used by the integration tests and by `ops/faults/cut_clients.py`.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict

from onrecord.kit.sql import db
from tests.support.keys import TOKEN

SSE: Final = "text/event-stream"
NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"

STREAMS: Final = [
    *[("/v1/events", SSE)] * 2,
    ("/v1/events?after=20", SSE),
    ("/v1/events?actor=ann", SSE),
    ("/v1/events?kind=adopted", SSE),
    ("/v1/events", NDJSON),
]
"""Path and `Accept`. Starlette cancels a stream when its client disconnects."""
READS: Final = [
    (path, JSON)
    for path in (
        "/v1/events?limit=100",
        "/v1/actors/ann/topics/talks/position",
        "/v1/actors/ann/topics/talks/timeline",
        "/v1/topics/talks/positions",
        "/v1/statements?actor=ann",
        "/v1/changes",
        "/v1/endpoints",
        "/readyz",
    )
]

_ENTITY: Final = b'{"id": "ann", "kind": "person", "names": [{"name": "Ann", "lang": "en"}]}'
WRITES: Final = [
    (path, f"{media_type}\r\nContent-Length: {4 * len(body)}", body)
    for path, media_type, body in (
        ("/v1/actors", JSON, _ENTITY),
        ("/v1/statements", JSON, b'{"said_at": "2022-'),
        ("/v1/endpoints", JSON, b'{"url": "http'),
        ("/v1/batch", NDJSON, b"{}\n" * 20),
        ("/v1/batch", NDJSON, b'{"op": "actor", "id": "ann", "body": {}}\n' * 10),
    )
]
"""Path, headers and a part of the body, after which the client goes away."""


async def cut_clients(
    port: int, *, count: int, at_once: int = 20, longest: float = 0.05, seed: int = 0
) -> None:
    """Send `count` requests for streams, reads and unfinished writes; cut each at a random time.

    `longest` is in seconds; most are cut much earlier.
    """
    rng = random.Random(seed)
    heads = [
        *(f"GET {path} HTTP/1.1\r\nAccept: {accept}" for path, accept in (*STREAMS, *READS)),
        *(f"POST {path} HTTP/1.1\r\nContent-Type: {headers}" for path, headers, _ in WRITES),
    ]
    bodies = [*(b"" for _ in (*STREAMS, *READS)), *(body for _, _, body in WRITES)]
    kinds = list(zip(heads, bodies, strict=True))
    requests = [(*rng.choice(kinds), longest * rng.random() ** 2) for _ in range(count)]
    remaining = iter(requests)

    async def client() -> None:
        for head, body, seconds in remaining:
            headers = f"Host: localhost\r\nAuthorization: Bearer {TOKEN}"
            request = f"{head}\r\n{headers}\r\n\r\n".encode() + body
            await _cut(port, request, seconds)

    await asyncio.gather(*(client() for _ in range(at_once)))


async def _cut(port: int, request: bytes, seconds: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(seconds):
            while await reader.read(65_536):
                pass
    writer.transport.abort()


@contextmanager
def opened_pools() -> Iterator[list[db.Pool]]:
    """The pools that this process opens meanwhile."""
    pools: list[db.Pool] = []
    open_pool: Callable[..., db.Pool] = db.pool

    def remember(*args: Any, **options: Any) -> db.Pool:
        pools.append(open_pool(*args, **options))
        return pools[-1]

    db.pool = remember
    try:
        yield pools
    finally:
        db.pool = open_pool


def missing_connections(pools: Sequence[db.Pool]) -> dict[str, int]:
    """For each database role, the connections of its pool that are in use or lost."""
    missing: dict[str, int] = {}
    for pool in pools:
        stats = pool.get_stats()
        role = str(conninfo_to_dict(str(pool.conninfo))["application_name"])
        missing[role] = stats["pool_size"] - stats["pool_available"]
    return missing
