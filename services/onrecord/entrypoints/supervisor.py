"""Supervisor of `onrecord up`: all processes of one machine in one process tree.

Used by the commands `up` and `demo`. Starts PostgreSQL, then API, workers, deliverer, beat and
signer as children, each in its own session and bound to our life. It restarts each process that
exits, without a limit: the database or broker that they need may come back. A signal stops the
children together, then the database.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import httpx2

from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.local_key import ensure_local_key
from onrecord.entrypoints.signer import REFUSED
from onrecord.kit.encryption_keys import HOW_TO_MAKE
from onrecord.kit.networks import AllowedNetwork
from onrecord.kit.postgres.binaries import CannotRunPostgres, Echo
from onrecord.kit.postgres.embedded import EmbeddedPostgres
from onrecord.kit.processes import spawn
from onrecord.kit.settings import BadSettings, Settings, addresses

ANSWER_SECONDS: Final = 60.0
READY_SECONDS: Final = 20.0
"""From the first answer on."""
RESTART_SECONDS: Final = 2.0
"""Shortest time between two starts of a child."""
REFUSED_SECONDS: Final = 30.0
"""The same after a signer that must not sign: a person has to decide first."""
GRACE_SECONDS: Final = 5.0
"""Time that children have to finish their current work."""
SIGNER: Final = "signer"
WITH_SECRETS: Final = ("local_api", "deliverer")
"""The processes that make secrets of webhooks, or sign with them; they also know where to."""
_NOT_INHERITED: Final = {"ONRECORD_SECRETS_KEY", "ONRECORD_KEY", "ONRECORD_METRICS_PORT"}
"""Secrets of which a child gets at most what it needs, and a port that only one can have."""


class NotStarted(Exception):
    """A process did not start."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C. A class of its own: a bare `KeyboardInterrupt` that leaves an `exec`, as data classes
    run it when they are imported, makes CPython end itself by SIGINT later, though it was handled.
    """


@dataclass
class Supervisor:
    """The running processes; `address` is the API's, `key` one that may do all there."""

    address: str
    key: str
    logs: Path
    environment: dict[str, str]
    secrets_key: str
    """Only for the processes that need it."""
    server: EmbeddedPostgres | None
    """If we started one."""
    metrics_ports: dict[str, int] = field(default_factory=dict)
    """By the name of the process; empty unless ONRECORD_METRICS_PORT is set."""
    children: dict[str, spawn.Child] = field(default_factory=dict)
    started_at: dict[str, float] = field(default_factory=dict)
    """Monotonic seconds."""
    signer_refuses: bool = False

    def watch(self, echo: Echo) -> NoReturn:
        """Restart what exits, until a signal comes. What cannot be started is tried again."""
        while True:
            time.sleep(0.2)
            self._restart_server(echo)
            for name, started_at in list(self.started_at.items()):
                child = self.children.get(name)
                if child and (code := child.poll()) is not None:
                    del self.children[name]
                    self._report_end(name, code, echo)
                refused = name == SIGNER and self.signer_refuses
                pause = REFUSED_SECONDS if refused else RESTART_SECONDS
                if name not in self.children and time.monotonic() - started_at > pause:
                    try:
                        self.start(name)
                    except OSError as error:
                        _report(echo, f"{name} cannot be started: {error}. Trying again")

    def _report_end(self, name: str, code: int, echo: Echo) -> None:
        log = self.logs / f"{name}.log"
        if name != SIGNER or code != REFUSED:
            _report(echo, f"{name} ended with {code}; starting it again (see {log})")
        elif not self.signer_refuses:  # reported once
            _report(echo, f"The signer refuses to sign: {log} says why. All else runs on")
        if name == SIGNER:
            self.signer_refuses = code == REFUSED

    def _restart_server(self, echo: Echo) -> None:
        if self.server is None or self.server.process.poll() is None:
            return
        _report(echo, "PostgreSQL ended; starting it again")
        try:
            self.server.restart()
        except (CannotRunPostgres, OSError) as error:
            _report(echo, f"{error}\nTrying again")
            time.sleep(RESTART_SECONDS)

    def start(self, name: str) -> None:
        """Start a child: an entrypoint, with a number if there are several."""
        self.started_at[name] = time.monotonic()
        self.logs.mkdir(parents=True, exist_ok=True)
        key = {"ONRECORD_SECRETS_KEY": self.secrets_key} if name in WITH_SECRETS else {}
        port = self.metrics_ports.get(name)
        metrics = {"ONRECORD_METRICS_PORT": str(port)} if port else {}
        self.children[name] = spawn.spawn(
            [sys.executable, "-m", f"onrecord.entrypoints.{name.partition('-')[0]}"],
            env=self.environment | key | metrics,
            log=self.logs / f"{name}.log",
        )

    def wait_until_ready(self) -> bool:
        """Wait until the API answers, then for `/readyz`; whether it is ready.

        Raises `NotStarted` if a process exits, or if no API answers. A deployment that answers and
        is not ready, as with a stopped projection, runs on, so that its cause can be removed.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        answered = False
        with httpx2.Client(base_url=self.address, timeout=5) as client:
            while time.monotonic() < deadline:
                if self.server and (code := self.server.process.poll()) is not None:
                    raise NotStarted(f"PostgreSQL ended with {code}; start again to go on")
                for name, child in self.children.items():
                    # without its signer the record can be written and read
                    if child.poll() is not None and name != SIGNER:
                        raise NotStarted(f"{name} did not start; see {self.logs / name}.log")
                with suppress(httpx2.TransportError):
                    if client.get("/readyz").status_code == 200:
                        return True
                    if not answered:
                        answered, deadline = True, time.monotonic() + READY_SECONDS
                time.sleep(0.05)
        if not answered:
            raise NotStarted(f"no answer after {ANSWER_SECONDS:.0f} s; see {self.logs}")
        return False

    def restrict_egress(self, allow: Sequence[AllowedNetwork]) -> None:
        """From here on, allow webhooks to these networks only: the processes that know start anew.

        Raises `NotStarted`.
        """
        running = [self.children.pop(name) for name in WITH_SECRETS if name in self.children]
        spawn.stop_children(running, grace=GRACE_SECONDS)
        self.environment |= _egress(allow)
        for name in WITH_SECRETS:
            self.start(name)
        self.wait_until_ready()

    def stop(self) -> None:
        spawn.stop_children(self.children.values(), grace=GRACE_SECONDS)


@contextmanager
def supervise(settings: Settings, echo: Echo) -> Iterator[Supervisor]:
    """Start everything and wait until it is ready; stop it all at the end of the `with`."""
    if settings.database_url and not settings.secrets_key:
        raise BadSettings(f"ONRECORD_SECRETS_KEY must be set; {HOW_TO_MAKE}")
    workers = [f"worker-{n}" for n in range(1, settings.worker_processes + 1)]
    metrics_ports = _metrics_ports(settings, [*workers, "deliverer", "beat", SIGNER])
    _require_free_port(settings.host, settings.port, "--port")
    with exit_on_signals(), infrastructure.own_database(settings, echo) as (filled, server):
        for port in metrics_ports.values():
            _require_free_port(settings.host, port, "ONRECORD_METRICS_PORT")
        echo("Bringing the schema up to date")
        filled = infrastructure.with_key_of_file(settings, filled)
        infrastructure.prepare_database(filled, infrastructure.migration_url(settings, filled))
        assert filled.secrets_key
        inherited = {
            name: value for name, value in os.environ.items() if name not in _NOT_INHERITED
        }
        supervisor = Supervisor(
            settings.own_url,
            _key(filled, echo),
            settings.data / "logs",
            {**inherited, **_environment(filled)},
            filled.secrets_key.get_secret_value(),
            server,
            metrics_ports,
        )
        try:
            echo("Starting API, workers, deliverer, beat and signer")
            for name in ("local_api", *workers, "deliverer", "beat", SIGNER):
                supervisor.start(name)
            if not supervisor.wait_until_ready():
                echo("It runs, but is not ready: `onrecord doctor` says why")
            yield supervisor
        finally:
            supervisor.stop()


def _key(settings: Settings, echo: Echo) -> str:
    if settings.key:
        return settings.key.get_secret_value()
    url, _ = addresses(settings)
    return asyncio.run(ensure_local_key(url, settings.key_file, echo))


def _report(echo: Echo, text: str) -> None:
    """Print a line. If nobody reads our output, rich raises SystemExit, which must not end `up`."""
    with suppress(OSError, SystemExit):
        echo(text)


def _environment(settings: Settings) -> dict[str, str]:
    url, broker = addresses(settings)
    return {
        "ONRECORD_DATABASE_URL": url,
        "ONRECORD_BROKER_URL": broker,
        "ONRECORD_HOST": settings.host,
        "ONRECORD_PORT": str(settings.port),
        "ONRECORD_PUBLIC_READS": str(settings.public_reads),
        "ONRECORD_DATA": str(settings.data),
        **_egress(settings.egress_allow),
    }


def _egress(allow: Sequence[AllowedNetwork]) -> dict[str, str]:
    return {"ONRECORD_EGRESS_ALLOW": ",".join(map(str, allow))}


def _metrics_ports(settings: Settings, names: Sequence[str]) -> dict[str, int]:
    if settings.metrics_port is None:
        return {}
    return {name: settings.metrics_port + n for n, name in enumerate(names)}


def _require_free_port(host: str, port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise NotStarted(
                f"port {port} on {host} cannot be used "
                f"({error.strerror}); choose another one with {option}"
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
