"""How do the benches that go over HTTP serve the product's own application, and ask it?

`serve` is what `entrypoints.local_api` does; `served` does it in a process of its own. Called by
`post`, `batch`, `replay` and `flat_cost`.
"""

import http.client
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bench
import orjson
import statements
from fastapi import APIRouter
from pydantic import SecretStr

from onrecord.entrypoints import app_factory, infrastructure
from onrecord.kit.settings import Settings

NDJSON = "application/x-ndjson"


def serve(url: str, port: int, *more: APIRouter) -> None:
    """Serve all doors and `more`, with the embedded database's own broker for the bell.

    `more` is tried first, so that nothing stands in a baseline's way.
    """
    settings = infrastructure.with_addresses(Settings(database_url=SecretStr(url), port=port), url)
    app = app_factory.make(settings, frozenset({"ingest", "query", "audit"}))
    for router in more:
        app.router.routes[:0] = router.routes
    app_factory.serve(app, settings, process="api")


@dataclass(frozen=True)
class Served:
    """An API process."""

    port: int
    pid: int

    def peak(self) -> float:
        """The most memory that it ever held since `forget`, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (kib,) = (one.split()[1] for one in status.splitlines() if one.startswith("VmHWM"))
        return int(kib) / 1024

    def forget(self) -> None:
        """Start the peak anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@contextmanager
def served(url: str, run: Callable[[str, int], None] | None = None) -> Iterator[Served]:
    """A process that serves all doors, or does `run(url, port)`, up while the `with` lasts."""
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
    """Lines of a batch that register all whom the statements name."""
    for op, bodies in (("actor", statements.actor_bodies()), ("topic", statements.topic_bodies())):
        for one in bodies:
            yield orjson.dumps({"op": op, "id": one["id"], "body": one}) + b"\n"


def statement_lines(start: int, count: int) -> Iterable[bytes]:
    """Lines of a batch, each a statement."""
    for n in range(start, start + count):
        made = statements.body(n)
        yield orjson.dumps({"op": "statement", "id": made.pop("id"), "body": made}) + b"\n"


def connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=3_600)


def send(port: int, lines: Iterable[bytes]) -> int:
    """Post a batch; how many lines were recorded, which must be all."""
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
