"""Supervisor of `onrecord up`: all processes of one machine in one process tree.

Used by the commands `up` and `demo`. Starts PostgreSQL, then API, worker, deliverer and beat as
children, each in its own session and bound to our life. It restarts a child that exits. A signal
stops the children together, then the database.
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
from onrecord.kit.postgres.binaries import Echo
from onrecord.kit.processes import spawn
from onrecord.kit.settings import Settings, addresses

PROCESSES: Final = ("local_api", "worker", "deliverer", "beat")
READY_SECONDS: Final = 60.0
MAX_EXITS, EXITS_WITHIN_SECONDS = 6, 20.0
"""Exits of children after which restarting them is given up."""
GRACE_SECONDS: Final = 5.0
"""Time that children have to finish their current work."""


class NotStarted(Exception):
    """A process did not start."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. A class of its own: a bare `KeyboardInterrupt` that leaves an `exec`, as data classes
    run it when they are imported, makes CPython end itself by SIGINT later, though it was handled.
    """


@dataclass
class Supervisor:
    """The running processes; `address` is the API's."""

    address: str
    logs: Path
    environment: dict[str, str]
    server: spawn.Child | None
    """The embedded PostgreSQL, if we started it."""
    children: dict[str, spawn.Child] = field(default_factory=dict)

    def watch(self, echo: Echo) -> NoReturn:
        """Restart children that exit, until a signal comes.

        Raises `NotStarted` after too many exits, as happen where the database is gone.
        """
        exits: deque[float] = deque(maxlen=MAX_EXITS)
        while True:
            time.sleep(0.5)
            self.require_server()
            for name, child in list(self.children.items()):
                if (code := child.poll()) is not None:
                    exits.append(time.monotonic())
                    if len(exits) == MAX_EXITS and exits[-1] - exits[0] < EXITS_WITHIN_SECONDS:
                        raise NotStarted(f"{name} dies again and again; see {self.logs}")
                    echo(
                        f"{name} ended with {code}; starting it again (see {self.logs / name}.log)"
                    )
                    self.start(name)

    def require_server(self) -> None:
        """Raise `NotStarted` if the embedded PostgreSQL has exited."""
        if self.server and (code := self.server.poll()) is not None:
            raise NotStarted(f"PostgreSQL ended with {code}; start again to go on")

    def start(self, name: str) -> None:
        self.children[name] = spawn.spawn(
            [sys.executable, "-m", f"onrecord.entrypoints.{name}"],
            env=self.environment,
            log=self.logs / f"{name}.log",
        )

    def wait_until_ready(self) -> None:
        """Wait for `/readyz`. Raises `NotStarted` if a process exits, or after a time limit."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            self.require_server()
            for name, child in self.children.items():
                if child.poll() is not None:
                    raise NotStarted(f"{name} did not start; see {self.logs / name}.log")
            try:
                if httpx2.get(f"{self.address}/readyz", timeout=5).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            if time.monotonic() > deadline:
                raise NotStarted(f"not ready after {READY_SECONDS:.0f} s; see {self.logs}")
            time.sleep(0.05)

    def stop(self) -> None:
        spawn.stop_children(self.children.values(), grace=GRACE_SECONDS)


@contextmanager
def supervise(settings: Settings, echo: Echo) -> Iterator[Supervisor]:
    """Start everything and wait until it is ready; stop it all at the end of the `with`."""
    _require_free_port(settings)
    with exit_on_signals(), infrastructure.own_database(settings, echo) as (filled, server):
        echo("Bringing the schema up to date")
        infrastructure.prepare_database(filled)
        logs = settings.data / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        supervisor = Supervisor(
            f"http://{settings.host}:{settings.port}",
            logs,
            {**os.environ, **_environment(filled)},
            server,
        )
        try:
            echo("Starting API, worker, deliverer and beat")
            for name in PROCESSES:
                supervisor.start(name)
            supervisor.wait_until_ready()
            yield supervisor
        finally:
            supervisor.stop()


def _environment(settings: Settings) -> dict[str, str]:
    url, broker = addresses(settings)
    return {
        "ONRECORD_DATABASE_URL": url,
        "ONRECORD_BROKER_URL": broker,
        "ONRECORD_HOST": settings.host,
        "ONRECORD_PORT": str(settings.port),
        "ONRECORD_WORKER_PROCESSES": str(settings.worker_processes),
        "ONRECORD_EGRESS_ALLOW": ",".join(map(str, settings.egress_allow)),
    }


def _require_free_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise NotStarted(
                f"port {settings.port} on {settings.host} cannot be used "
                f"({error.strerror}); choose another one with --port"
            ) from None


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Raise on the first SIGINT or SIGTERM, and ignore both from then on, while we shut down."""

    def shut_down(signum: int, _: FrameType | None) -> None:
        for ignored in previous:
            signal.signal(ignored, signal.SIG_IGN)
        if signum == signal.SIGINT:
            raise Interrupted
        raise SystemExit(0)

    previous = {
        signum: signal.signal(signum, shut_down) for signum in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
