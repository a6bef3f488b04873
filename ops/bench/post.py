"""Benchmark: cost of recording in a POST, against an endpoint that only validates.

`POST /v1/statements` from 64 clients against an endpoint of the bench in the same application:
same middleware, route class, body class and answer, but nothing is recorded.
"""

import argparse
import asyncio
import cProfile
import pstats
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import bench
import orjson
import serving
import statements
from fastapi import APIRouter, Response

from onrecord.domain.ids import new_id
from onrecord.ingest.responses import respond
from onrecord.ingest.schemas import Recorded, StatementIn

CLIENTS = 64

router = APIRouter(prefix="/bench")


@router.post("/statements", status_code=201)
async def check_statement(body: StatementIn) -> Response:
    """Respond as if it were recorded."""
    id_ = body.id or new_id()
    return respond(
        Recorded(id=str(id_), event=id_, seq=1, size=2, recorded_at=datetime.now(UTC), positions=())
    )


def serve_with_check(url: str, port: int) -> None:
    """All APIs, and the endpoint that only validates."""
    serving.serve(url, port, router)


def serve_profiled(url: str, port: int) -> None:
    """The same, under a profiler: prints where the event loop's thread spent its CPU time."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again at its end
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(serve_with_check, url, port)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


class Client(asyncio.Protocol):
    """A connection that sends the next request after each response; it uses little CPU."""

    def __init__(
        self,
        requests: Iterator[bytes],
        on_end: Callable[[], None],
        took: list[float],
        status: bytes,
    ) -> None:
        self._requests, self._on_end, self._took, self._status = requests, on_end, took, status
        self._received = b""

    def connection_made(self, transport: Any) -> None:
        self._wire = transport

    def send_next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._on_end()
        else:
            self._sent_at = time.perf_counter()
            self._wire.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if separator and len(body) == int(length):
            assert self._status in head, self._received
            self._received = b""
            self._took.append(time.perf_counter() - self._sent_at)
            self.send_next()


def generate_posts(port: int, pipe: Connection) -> None:
    """A process that posts the requests it gets through the pipe; returns seconds and latencies."""
    while (requests := pipe.recv()) is not None:
        pipe.send(asyncio.run(send_all(port, requests, CLIENTS, b" 201 ")))


async def send_all(
    port: int, requests: list[bytes], clients: int, status: bytes
) -> tuple[float, list[float]]:
    """Send requests on this many connections, expecting this status: seconds, latencies."""
    loop = asyncio.get_running_loop()
    left, ended = clients, loop.create_future()
    took: list[float] = []
    unsent = iter(requests)

    def on_end() -> None:
        nonlocal left
        left -= 1
        if not left:
            ended.set_result(time.perf_counter())

    connections = [
        await loop.create_connection(
            lambda: Client(unsent, on_end, took, status), "127.0.0.1", port
        )
        for _ in range(clients)
    ]
    start = time.perf_counter()
    for _, client in connections:
        client.send_next()
    end = await ended
    for wire, _ in connections:
        wire.close()
    return end - start, took


def encoded_posts(path: str, start: int, count: int) -> list[bytes]:
    """HTTP requests in bytes, each of a new statement."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"{serving.AUTHORIZATION}\r\n"
    bodies = (orjson.dumps(statements.body(n)) for n in range(start, start + count))
    return [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=7)
    parser.add_argument("--count", type=int, default=5_000, help="requests in a slice")
    parser.add_argument("--profile", action="store_true", help="ours only, under cProfile")
    args = parser.parse_args()
    with bench.postgres() as server:
        print(statements.sizes())
        url = bench.migrated(server, "post")
        with serving.served(url, serve_profiled if args.profile else serve_with_check) as api:
            serving.send(api.port, serving.cast_lines())
            pipe, end = bench.SPAWN.Pipe()
            bench.SPAWN.Process(target=generate_posts, args=(api.port, end), daemon=True).start()
            latencies: dict[str, list[float]] = {}
            posted = 0

            def post(path: str) -> float:
                nonlocal posted
                pipe.send(encoded_posts(path, posted, args.count))
                posted += args.count
                seconds, took = pipe.recv()
                assert len(took) == args.count
                latencies[path] = statistics.quantiles(took, n=100)
                return args.count / float(seconds)

            sides = {"POST /v1/statements": partial(post, "/v1/statements")}
            if not args.profile:
                sides["the same, only checked"] = partial(post, "/bench/statements")
            figures = bench.alternate(
                sides, slices=args.slices, before=lambda: bench.settle(server)
            )
            pipe.send(None)
            bench.table(f"{CLIENTS} clients", figures, unit="requests/s", target=0.6)
            print("\nIn the last slice:", end="")
            for path, cuts in latencies.items():
                print(f" {path} p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms;", end="")
            print()


if __name__ == "__main__":
    main()
