"""Receivers, endpoints, processes and CPU counters for the benches of webhooks.

`receiving` is a receiver process that answers by path and notes when each delivery arrived;
`process` runs a process of the product. `Cost` counts CPU seconds of processes. Used by `webhooks`,
`webhooks_bulk` and `webhooks_latency`.
"""

import asyncio
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import bench
import psutil
import statements

from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.infrastructure import writer
from onrecord.kit.encryption_keys import new_key
from onrecord.kit.processes import spawn
from onrecord.kit.processes.spawn import Child
from onrecord.kit.settings import Settings, addresses
from onrecord.kit.sql import db
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import Answer, seal_request
from onrecord.projections.engine.catch_up import FOLDING_SETTINGS
from onrecord.projections.engine.catch_up_all import catch_up_all
from onrecord.projections.engine.checkpoints import ensure_checkpoints
from onrecord.projections.registry import PROJECTIONS
from onrecord.webhooks.encryption import SecretCipher
from onrecord.webhooks.http.signing import new_secret

KEY: Final = new_key()
"""Encrypts the secrets of endpoints."""
GOOD = b"HTTP/1.1 204 No Content\r\n\r\n"
BAD = b"HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\n\r\n"


class Receiver(asyncio.Protocol):
    """Answers `/good` with 204, `/bad` with 500 and `/hang` never, at little CPU."""

    def __init__(self, count: Any, note: Callable[[bytes, bytes], None] | None) -> None:
        self._count, self._note = count, note
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._wire = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            path = head.split(b" ", 2)[1]
            if self._note:
                self._note(path, head.lower().partition(b"webhook-id: ")[2].partition(b"\r\n")[0])
            if path.startswith(b"/good"):
                self._count.value += 1
                self._wire.write(GOOD)
            elif path.startswith(b"/bad"):
                self._wire.write(BAD)


def _receive(pipe: Any, count: Any, noting: bool) -> None:
    """The receiver's process. It sends its port through the pipe, then its notes on request."""
    notes: list[tuple[str, str, float]] = []

    def note(path: bytes, id_: bytes) -> None:
        notes.append((path.decode(), id_.decode(), time.time()))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Receiver(count, note if noting else None), "127.0.0.1", 0, backlog=4096
        )
        pipe.send(server.sockets[0].getsockname()[1])

        def send_notes() -> None:
            pipe.recv()
            pipe.send(notes[:])
            notes.clear()

        loop.add_reader(pipe.fileno(), send_notes)
        await loop.create_future()

    asyncio.run(run())


@dataclass(frozen=True)
class Receiving:
    """A receiver process; `count`: of deliveries that it answered with 204."""

    port: int
    pid: int
    count: Any
    pipe: Any

    def take_notes(self) -> list[tuple[str, str, float]]:
        """Path, id and time of the deliveries since the last call."""
        self.pipe.send(None)
        notes: list[tuple[str, str, float]] = self.pipe.recv()
        return notes

    def url(self, path: str = "/good") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def receiving(*, noting: bool = False) -> Iterator[Receiving]:
    ours, theirs = bench.SPAWN.Pipe()
    count = multiprocessing.get_context("spawn").Value("q", 0, lock=False)
    process = bench.SPAWN.Process(target=_receive, args=(theirs, count, noting), daemon=True)
    process.start()
    assert process.pid
    try:
        yield Receiving(ours.recv(), process.pid, count, ours)
    finally:
        process.terminate()
        process.join(10)


def environment(url: str, **more: str) -> dict[str, str]:
    """Environment variables for a process of the product."""
    database, broker = addresses(infrastructure.with_addresses(Settings(), url))
    return {
        **os.environ,
        "ONRECORD_DATABASE_URL": database,
        "ONRECORD_BROKER_URL": broker,
        "ONRECORD_EGRESS_ALLOW": "127.0.0.1/32",
        "ONRECORD_SECRETS_KEY": KEY,
        **more,
    }


@contextmanager
def running(arguments: Iterable[str], env: dict[str, str]) -> Iterator[Child]:
    """A Python process in a session of its own, stopped at the end.

    Its log is shown if the block raises.
    """
    with tempfile.NamedTemporaryFile(prefix="onrecord-bench-", suffix=".log") as log:
        child = spawn.spawn([sys.executable, *arguments], env=env, log=Path(log.name))
        try:
            yield child
        except BaseException:
            print(Path(log.name).read_text()[-3_000:], file=sys.stderr)
            raise
        finally:
            spawn.stop_children([child], grace=10)


def process(name: str, url: str, **more: str) -> Any:
    """One of the product's processes, by its entrypoint's name."""
    return running(["-m", f"onrecord.entrypoints.{name}"], environment(url, **more))


class Cost:
    """CPU seconds that processes and their children used since this was created."""

    def __init__(self, **pids: int) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        return {name: sum(_times(process)) for name, process in self._processes.items()}

    def taken(self) -> dict[str, float]:
        now = self._now()
        return {name: now[name] - self._before[name] for name in now}


def _times(process: psutil.Process) -> Iterator[float]:
    for member in [process, *process.children(recursive=True)]:
        try:
            spent = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        yield spent.user + spent.system
        if member == process:
            yield spent.children_user + spent.children_system


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def postmaster(url: str) -> int:
    """The process id of the server, whose children are its backends."""
    with db.connect(url) as conn:
        row = conn.execute("SELECT pg_backend_pid()").fetchone()
        assert row
        return psutil.Process(row[0]).ppid()


def seeded_database(server: str, name: str, *, events: int) -> str:
    """The URL of a new database with this many statements, folded, and no deliveries."""
    url = bench.migrated(server, name)
    with writer(url) as conn:
        append(conn, [seal_request(request) for request in statements.registrations()])
        for start in range(0, events, 500):
            count = min(500, events - start)
            requests = [seal_request(statements.request(start + n)) for n in range(count)]
            assert all(isinstance(answer, Answer) for answer in append(conn, requests))
    folding = db.engine(url, role="onrecord_projections", **FOLDING_SETTINGS)
    with folding.begin() as begun:
        ensure_checkpoints(begun, PROJECTIONS)
    while catch_up_all(folding, PROJECTIONS, bench.raise_error):
        pass
    folding.dispose()
    return url


def endpoints(url: str, count: int, address: str) -> None:
    """Insert this many endpoints without filters, which start at the current size."""
    cipher = SecretCipher([KEY])
    ids = [uuid4() for _ in range(count)]
    tokens = [cipher.encrypt(id_, new_secret()) for id_ in ids]
    with db.connect(url, role="onrecord_webhooks") as conn, conn.transaction():
        conn.execute(
            "WITH created AS (INSERT INTO webhooks.endpoints"
            " (id, url, types, actors, topics, kinds, ordered, encrypted_secret, size)"
            " SELECT id, %s, '{}', '{}', '{}', '{}', false, token,"
            " (SELECT max(size) FROM ledger.commits)"
            " FROM unnest(%s::uuid[], %s::bytea[]) AS t (id, token) RETURNING id)"
            " INSERT INTO webhooks.interests (by, name, endpoint)"
            " SELECT 'any', '', id FROM created",
            [address, ids, tokens],
        )


def pending(url: str, count: int) -> None:
    """Replace all deliveries by this many first attempts, all due."""
    with db.connect(url) as conn:
        conn.execute("SET lock_timeout = '30s'")
        conn.execute("TRUNCATE webhooks.attempts, webhooks.deliveries")
        inserted = conn.execute(
            "INSERT INTO webhooks.deliveries (endpoint, seq, event, lane)"
            " SELECT p.id, e.seq, e.id, 0 FROM ledger.entries e, webhooks.endpoints p"
            " WHERE e.seq >= (SELECT max(seq) + 1 FROM ledger.entries) - %s"
            " ORDER BY e.seq, p.id LIMIT %s",
            [_events(conn, count), count],
        )
        assert inserted.rowcount == count, inserted.rowcount
        conn.execute("ANALYZE webhooks.deliveries")


def _events(conn: Any, count: int) -> int:
    (listening,) = conn.execute("SELECT count(*) FROM webhooks.endpoints").fetchone()
    return -(-count // int(listening))


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(0.002)
