"""How does everything run on one machine, in one process tree?

`onrecord up`: PostgreSQL, then API, worker, deliverer and beat as children, each in a session of
its own and tied to our life. A child that dies is started again. A signal ends them together, then
the database. Also under the demo, which runs its tour in between.
"""

import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import httpx2

from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.infrastructure import Say
from onrecord.kit.processes import spawn
from onrecord.kit.settings import Settings

PROCESSES: Final = ("local_api", "worker", "deliverer", "beat")
READY_SECONDS: Final = 60.0
TOO_MANY, TOO_SOON = 6, 20.0
"""Deaths of children within so many seconds that starting them again is no use."""
GRACE: Final = 5.0
"""Seconds that children have to finish what they are at."""


class NotStarted(Exception):
    """A part did not come up."""


@dataclass
class Up:
    """Everything that runs; `address` is the API's."""

    address: str
    logs: Path
    environment: dict[str, str]
    server: spawn.Child | None
    """The embedded PostgreSQL, if it is ours."""
    _children: dict[str, spawn.Child] = field(default_factory=dict)

    def watch(self, say: Say) -> NoReturn:
        """Stay until a signal comes, starting again what dies meanwhile; raises `NotStarted` when
        it dies again and again, as it does where the database is gone.
        """
        deaths: deque[float] = deque(maxlen=TOO_MANY)
        while True:
            time.sleep(0.5)
            self.require_server()
            for name, child in list(self._children.items()):
                if (code := child.poll()) is not None:
                    deaths.append(time.monotonic())
                    if len(deaths) == TOO_MANY and deaths[-1] - deaths[0] < TOO_SOON:
                        raise NotStarted(f"{name} dies again and again; see {self.logs}")
                    say(f"{name} ended with {code}; starting it again (see {self.logs / name}.log)")
                    self.start(name)

    def require_server(self) -> None:
        """Raise `NotStarted` if the embedded PostgreSQL has ended: nothing goes on without it."""
        if self.server and (code := self.server.poll()) is not None:
            raise NotStarted(f"PostgreSQL ended with {code}; start again to go on")

    def start(self, name: str) -> None:
        self._children[name] = spawn.spawn(
            [sys.executable, "-m", f"onrecord.entrypoints.{name}"],
            env=self.environment,
            log=self.logs / f"{name}.log",
        )

    def stop(self) -> None:
        spawn.stop_children(self._children.values(), grace=GRACE)


@contextmanager
def up(settings: Settings, say: Say) -> Iterator[Up]:
    """Start everything, wait until it is ready, and end it all on the way out."""
    _require_port(settings)
    with _signals(), infrastructure.held_database(settings, say) as (filled, server):
        say("Bringing the schema up to date")
        infrastructure.prepare(filled)
        logs = settings.data / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        running = Up(
            f"http://{settings.host}:{settings.port}",
            logs,
            {**os.environ, **_environment(filled)},
            server,
        )
        try:
            say("Starting API, worker, deliverer and beat")
            for name in PROCESSES:
                running.start(name)
            _wait_until_ready(running)
            yield running
        finally:
            running.stop()


def _environment(settings: Settings) -> dict[str, str]:
    url, broker = infrastructure.addresses(settings)
    return {
        "ONRECORD_DATABASE_URL": url,
        "ONRECORD_BROKER_URL": broker,
        "ONRECORD_HOST": settings.host,
        "ONRECORD_PORT": str(settings.port),
        "ONRECORD_WORKER_PROCESSES": str(settings.worker_processes),
        "ONRECORD_EGRESS_ALLOW": ",".join(map(str, settings.egress_allow)),
    }


def _require_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise NotStarted(
                f"port {settings.port} on {settings.host} cannot be used "
                f"({error.strerror}); choose another one with --port"
            ) from None


def _wait_until_ready(running: Up) -> None:
    over = time.monotonic() + READY_SECONDS
    while True:
        running.require_server()
        for name, child in running._children.items():
            if child.poll() is not None:
                raise NotStarted(f"{name} did not start; see {running.logs / name}.log")
        try:
            if httpx2.get(f"{running.address}/readyz", timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        if time.monotonic() > over:
            raise NotStarted(f"not ready after {READY_SECONDS:.0f} s; see {running.logs}")
        time.sleep(0.05)


@contextmanager
def _signals() -> Iterator[None]:
    """The first SIGINT or SIGTERM ends what runs, wherever it is; asking again changes nothing."""

    def end(signum: int, _: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        if signum == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(0)

    before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
