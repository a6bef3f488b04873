"""Deaths of any process of `onrecord up`: the rest goes on, and what died is started again.

Every process and each kind of child of PostgreSQL is killed with SIGKILL, alone and in pairs, while
nothing goes on and while a client writes. Each time a new entry must soon be readable, and its
webhook arrive. With the broker of `ONRECORD_TEST_BROKER_URL`, or PGMQ.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import combinations
from typing import Final
from uuid import uuid4

import httpx2
import psutil
import pytest

from tests.support.commands import User, all_gone, tree, user
from tests.support.processes import BROKER, until
from tests.support.receiver import Receiver, run_receiver

SECONDS = 30.0
"""The time within which everything works again."""
PROCESSES = ("local_api", "worker-1", "worker-2", "deliverer", "beat")
SINGLES: Final = [(name,) for name in PROCESSES]
PAIRS: Final = [*combinations(PROCESSES, 2)]
POSTGRES = "postgres"
CHILDREN_OF_POSTGRES = (
    *("backend", "checkpointer", "background writer", "walwriter"),
    *("autovacuum launcher", "logical replication launcher", "io worker"),
)

WITH_DATABASE: Final = (
    *((POSTGRES, "local_api"), ("backend", "worker-1"), ("checkpointer", "worker-2")),
    *(("background writer", "deliverer"), ("walwriter", "beat")),
    *(("autovacuum launcher", "io worker"), ("logical replication launcher", POSTGRES)),
)


@dataclass
class Running:
    """A running `onrecord up`, and a receiver of its events."""

    user: User
    root: psutil.Process
    receiver: Receiver

    def processes(self) -> dict[str, psutil.Process]:
        """The processes of the tree by name; of PostgreSQL's children, one of each kind."""
        named: dict[str, psutil.Process] = {}
        for process in self.root.children(recursive=True):
            with suppress(psutil.NoSuchProcess, IndexError):
                named.setdefault(name_of(process, named), process)
        return named

    def kill(self, *names: str) -> None:
        victims: list[psutil.Process] = []

        def all_run() -> bool:
            named = self.processes()
            victims[:] = [named[name] for name in names if name in named]
            return len(victims) == len(names)

        until(all_run, f"{names} run", pause=0.05)
        for victim in victims:
            with suppress(psutil.NoSuchProcess):  # PostgreSQL ends all its children after one
                victim.kill()
        until(lambda: all_gone(victims), f"{names} are gone")

    def assert_works(self) -> None:
        """Within `SECONDS` a new entry is accepted and readable, and its webhook arrives."""
        deadline = time.monotonic() + SECONDS
        slug = f"actor-{uuid4().hex}"
        seqs: list[int] = []

        def wait(condition: Callable[[], bool], what: str) -> None:
            until(condition, what, seconds=deadline - time.monotonic(), pause=0.05)

        def accepted() -> bool:
            with suppress(httpx2.TransportError):
                answer = self.user.post("/v1/actors", {"id": slug, "kind": "person"})
                seqs.extend([answer.json()["seq"]] if answer.status_code in (200, 201) else [])
            return bool(seqs)

        def readable() -> bool:
            with suppress(httpx2.TransportError):
                path = f"/v1/actors/{slug}?min_size={seqs[0] + 1}"
                return self.user.get(path).status_code == 200
            return False

        wait(accepted, "a write is accepted")
        wait(readable, "the entry is readable")
        wait(lambda: seqs[0] in self.receiver.seqs(), "its webhook arrives")


def name_of(process: psutil.Process, named: dict[str, psutil.Process]) -> str:
    """The name that `onrecord up` gives a process, or PostgreSQL's kind of one."""
    command = process.cmdline()
    module = command[-1].rpartition(".")[2]
    if "-m" in command:
        return module if module != "worker" else f"worker-{1 + ('worker-1' in named)}"
    kind = command[0].removeprefix("postgres: ").rstrip("0123456789 ")
    return POSTGRES if "-D" in command else "backend" if "onrecord" in kind else kind


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with user() as in_empty_folder, run_receiver() as receiver:
        in_empty_folder.settings["ONRECORD_EGRESS_ALLOW"] = "127.0.0.1/32"
        if BROKER:
            in_empty_folder.settings["ONRECORD_BROKER_URL"] = BROKER
        with in_empty_folder.up() as process:
            endpoint = {"url": receiver.url(), "types": ["actor.registered"]}
            assert in_empty_folder.post("/v1/endpoints", endpoint).status_code == 201
            yield Running(in_empty_folder, tree(process)[0], receiver)
            assert process.poll() is None
            # a recent sweep, so beat and a worker live
            until(lambda: in_empty_folder.ready(process), "everything is ready", seconds=SECONDS)
            assert in_empty_folder.run("replay")[0] == 0


@contextmanager
def writing(running: Running) -> Iterator[None]:
    """A client that writes while the `with` lasts, and tries again where it is not answered."""
    stopping = threading.Event()

    def write() -> None:
        address = f"http://127.0.0.1:{running.user.port}"
        with httpx2.Client(base_url=address, timeout=10) as client:
            while not stopping.wait(0.02):
                body = {"id": f"actor-{uuid4().hex}", "kind": "person"}
                with suppress(httpx2.TransportError):
                    client.post("/v1/actors", json=body)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@pytest.mark.parametrize("names", [*SINGLES, *PAIRS], ids="+".join)
def test_an_idle_deployment_works_after_deaths(running: Running, names: tuple[str, ...]) -> None:
    running.kill(*names)
    running.assert_works()


@pytest.mark.parametrize("names", [*SINGLES, *PAIRS], ids="+".join)
def test_a_busy_deployment_works_after_deaths(running: Running, names: tuple[str, ...]) -> None:
    with writing(running):
        running.kill(*names)
        running.assert_works()


@pytest.mark.parametrize("name", [POSTGRES, *CHILDREN_OF_POSTGRES])
def test_a_deployment_works_after_deaths_in_its_database(running: Running, name: str) -> None:
    with writing(running):
        running.kill(name)
        running.assert_works()


@pytest.mark.parametrize("names", [*WITH_DATABASE], ids="+".join)
def test_an_idle_deployment_works_after_deaths_in_its_database_and_outside(
    running: Running, names: tuple[str, str]
) -> None:
    running.kill(*names)
    running.assert_works()


def test_a_process_is_started_again_where_its_folder_of_logs_is_gone(running: Running) -> None:
    logs = running.user.folder / ".onrecord" / "logs"
    logs.rename(logs.with_name("rotated"))
    running.kill("beat")
    until(lambda: (logs / "beat.log").exists(), "beat writes a log again", pause=0.05)
    running.assert_works()


def test_every_process_of_a_deployment_is_one_that_these_tests_kill(running: Running) -> None:
    until(lambda: set(PROCESSES) <= set(running.processes()), "all processes run")
    for_a_moment = {"autovacuum worker", "startup"}
    assert {*PROCESSES, POSTGRES, *CHILDREN_OF_POSTGRES} == set(running.processes()) - for_a_moment
