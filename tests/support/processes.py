"""Real processes in tests: started on a database, and killed at a chosen moment.

`Deployment` starts API, worker, deliverer and beat, on the broker of `ONRECORD_TEST_BROKER_URL` or
on PGMQ in the database. Tests that share a RabbitMQ run one after the other
(`conftest.LoadFileAndBroker`). The processes are forked from one that has imported their modules,
as importing takes longer than most tests; `onrecord up` starts them anew, in `test_up` and others.
"""

import importlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx2

from onrecord.client import Client
from onrecord.entrypoints import infrastructure
from onrecord.kit.encryption_keys import new_key
from onrecord.kit.settings import Settings, addresses
from tests.support.keys import TOKEN, give_key
from tests.support.postgres import login_url

BROKER = os.environ.get("ONRECORD_TEST_BROKER_URL")

FORKED = get_context("forkserver")  # starts in 10 ms, and shares no threads with this process
FORKED.set_forkserver_preload(
    [
        *(
            f"onrecord.entrypoints.{name}"
            for name in ("local_api", "worker", "deliverer", "beat", "signer")
        ),
        "tests.support.writers",
    ]
)


def until(
    condition: Callable[[], bool], what: str, *, seconds: float = 90, pause: float = 0.005
) -> None:
    """Poll a condition until it is true; fail with `what` after `seconds`.

    The default is long, so that no test fails because the machine is busy.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(pause)


def free_port() -> int:
    """A free port, below the range from which the system assigns ephemeral ports."""
    while True:
        port = secrets.choice(range(20_000, 32_000))  # `random` has one seed in all test processes
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    while True:
        first = free_port()
        with ExitStack() as probes, suppress(OSError):
            for port in range(first, first + count):
                probe = probes.enter_context(socket.socket())
                probe.bind(("127.0.0.1", port))
            return first


class Forked:
    """A forked process, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("", timeout or 0)
        return self._process.exitcode


def run_entrypoint(name: str, environment: dict[str, str], log: Path) -> None:
    """Run an entrypoint in a session of its own, as `python -m` does."""
    os.setsid()
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.update(environment)
    importlib.import_module(f"onrecord.entrypoints.{name}").main()


@dataclass
class Deployment:
    """Processes by name, each in its own session."""

    settings: Settings
    logs: Path
    running: dict[str, Forked] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def start(self, *names: str) -> None:
        url, broker = addresses(self.settings)
        environment = {
            "ONRECORD_DATABASE_URL": url,
            "ONRECORD_BROKER_URL": broker,
            "ONRECORD_PORT": str(self.settings.port),
            "ONRECORD_EGRESS_ALLOW": "127.0.0.1/32",
            "ONRECORD_RATE_PER_KEY": "1000000/second",
            "ONRECORD_SECRETS_KEY": self.settings.secrets_keys[0],
        }
        for name in names:
            arguments = (name, environment, self.logs / f"{name}.log")
            self.running[name] = Forked(FORKED.Process(target=run_entrypoint, args=arguments))
        if "local_api" in names:
            # a pause, as each new HTTP client takes CPU from the processes that start
            until(self.answers, "the API answers", pause=0.05)

    def client(self, timeout: float = 60) -> Client:
        """Our own client, which repeats nothing, so that a test sees every failure."""
        return Client(self.address, TOKEN, timeout=timeout, retries=0)

    def answers(self) -> bool:
        try:
            # `verify=False` saves loading the certificates on each poll
            response = httpx2.get(f"{self.address}/healthz", timeout=10, verify=False)
            return response.status_code == 200
        except httpx2.TransportError:
            return False

    def kill(self, name: str) -> None:
        """Send SIGKILL to a process."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text()


@contextmanager
def deployment(
    database_url: str, logs: Path, *, broker_url: str | None = BROKER
) -> Iterator[Deployment]:
    """A deployment on a migrated database, with nothing started; it is killed at the end.

    `database_url` is that of a user who may migrate; processes log in as `onrecord_login`.
    """
    fields = {"broker_url": broker_url, "port": free_port(), "secrets_key": new_key()}
    filled = infrastructure.with_addresses(Settings.model_validate(fields), login_url(database_url))
    infrastructure.prepare_database(filled, database_url)
    give_key(database_url)
    deployed = Deployment(filled, logs)
    try:
        yield deployed
    finally:
        for name in list(deployed.running):
            deployed.kill(name)
