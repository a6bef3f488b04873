"""Real processes in tests: started on a database, and killed at a chosen moment.

`Deployment` starts API, worker, deliverer and beat, on the broker of `ONRECORD_TEST_BROKER_URL` or
on PGMQ in the database. Tests that share a RabbitMQ run one after the other (`conftest.ByFile`).
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from onrecord.entrypoints import infrastructure
from onrecord.kit.settings import Settings, addresses

BROKER = os.environ.get("ONRECORD_TEST_BROKER_URL")


def until(condition: Callable[[], bool], what: str, *, seconds: float = 30) -> None:
    """Poll a condition until it is true; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.005)


def free_port() -> int:
    """A free port, below the range from which the system assigns ephemeral ports."""
    while True:
        port = secrets.choice(range(20_000, 32_000))  # `random` has one seed in all test processes
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Deployment:
    """Processes by name, each in its own session, so that `kill` reaches its forks too."""

    settings: Settings
    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def start(self, *names: str) -> None:
        url, broker = addresses(self.settings)
        environment = {
            **os.environ,
            "ONRECORD_DATABASE_URL": url,
            "ONRECORD_BROKER_URL": broker,
            "ONRECORD_PORT": str(self.settings.port),
            "ONRECORD_EGRESS_ALLOW": "127.0.0.1/32",
        }
        for name in names:
            with (self.logs / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    [sys.executable, "-m", f"onrecord.entrypoints.{name}"],
                    env=environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        if "local_api" in names:
            until(self.answers, "the API answers")

    def answers(self) -> bool:
        try:
            # `verify=False` saves loading the certificates on each poll
            response = httpx2.get(f"{self.address}/healthz", timeout=2, verify=False)
            return response.status_code == 200
        except httpx2.TransportError:
            return False

    def kill(self, name: str) -> None:
        """Send SIGKILL to a process and all its forks."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text()


@contextmanager
def deployment(
    database_url: str, logs: Path, *, broker_url: str | None = BROKER
) -> Iterator[Deployment]:
    """A deployment on a migrated database, with nothing started; it is killed at the end."""
    settings = Settings.model_validate(
        {"database_url": database_url, "broker_url": broker_url, "port": free_port()}
    )
    filled = infrastructure.with_addresses(settings, database_url)
    infrastructure.prepare_database(filled)
    deployed = Deployment(filled, logs)
    try:
        yield deployed
    finally:
        for name in list(deployed.running):
            deployed.kill(name)
