"""What does recording cost a POST, against an endpoint that only checks it?

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
    """Answer as if it were recorded."""
    id_ = body.id or new_id()
    return respond(
        Recorded(id=str(id_), event=id_, seq=1, size=2, recorded_at=datetime.now(UTC), positions=())
    )


def serve(url: str, port: int) -> None:
    """All doors, and the endpoint that only checks."""
    serving.serve(url, port, router)


def serve_profiled(url: str, port: int) -> None:
    """The same; at the end, what took the most CPU time of the event loop's thread."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again at its end
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(serve, url, port)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


class Client(asyncio.Protocol):
    """One connection, on which a request follows each answer; it costs little CPU."""

    def __init__(
        self, asks: Iterator[bytes], over: Callable[[], None], took: list[float], status: bytes
    ) -> None:
        self._asks, self._over, self._took, self._status = asks, over, took, status
        self._got = b""

    def connection_made(self, transport: Any) -> None:
        self._wire = transport

    def ask(self) -> None:
        ask = next(self._asks, None)
        if ask is None:
            self._over()
        else:
            self._asked = time.perf_counter()
            self._wire.write(ask)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if found and len(body) == int(length):
            assert self._status in head, self._got
            self._got = b""
            self._took.append(time.perf_counter() - self._asked)
            self.ask()


def generate(port: int, pipe: Connection) -> None:
    """A process that posts what comes through the pipe, and answers with seconds and latencies."""
    while (asks := pipe.recv()) is not None:
        pipe.send(asyncio.run(send_all(port, asks, CLIENTS, b" 201 ")))


async def send_all(
    port: int, asks: list[bytes], clients: int, status: bytes
) -> tuple[float, list[float]]:
    """Send requests on so many connections, each answered with this status: seconds, latencies."""
    loop = asyncio.get_running_loop()
    left, ended = clients, loop.create_future()
    took: list[float] = []
    waiting = iter(asks)

    def over() -> None:
        nonlocal left
        left -= 1
        if not left:
            ended.set_result(time.perf_counter())

    made = [
        await loop.create_connection(lambda: Client(waiting, over, took, status), "127.0.0.1", port)
        for _ in range(clients)
    ]
    start = time.perf_counter()
    for _, client in made:
        client.ask()
    end = await ended
    for wire, _ in made:
        wire.close()
    return end - start, took


def asks(path: str, start: int, count: int) -> list[bytes]:
    """Requests as they go over the wire, each a statement with an id of its own."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    bodies = (orjson.dumps(statements.body(n)) for n in range(start, start + count))
    return [f"{head}Content-Length: {len(one)}\r\n\r\n".encode() + one for one in bodies]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=7)
    parser.add_argument("--count", type=int, default=5_000, help="requests in a slice")
    parser.add_argument("--profile", action="store_true", help="ours only, under cProfile")
    given = parser.parse_args()
    with bench.postgres() as server:
        print(statements.sizes())
        url = bench.migrated(server, "post")
        with serving.served(url, serve_profiled if given.profile else serve) as api:
            serving.send(api.port, serving.cast_lines())
            pipe, end = bench.SPAWN.Pipe()
            bench.SPAWN.Process(target=generate, args=(api.port, end), daemon=True).start()
            latencies: dict[str, list[float]] = {}
            posted = 0

            def post(path: str) -> float:
                nonlocal posted
                pipe.send(asks(path, posted, given.count))
                posted += given.count
                seconds, took = pipe.recv()
                assert len(took) == given.count
                latencies[path] = statistics.quantiles(took, n=100)
                return given.count / float(seconds)

            sides = {"POST /v1/statements": partial(post, "/v1/statements")}
            if not given.profile:
                sides["the same, only checked"] = partial(post, "/bench/statements")
            found = bench.alternate(sides, slices=given.slices, before=lambda: bench.settle(server))
            pipe.send(None)
            bench.table(f"{CLIENTS} clients", found, unit="requests/s", target=0.6)
            print("\nIn the last slice:", end="")
            for path, cuts in latencies.items():
                print(f" {path} p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms;", end="")
            print()


if __name__ == "__main__":
    main()
