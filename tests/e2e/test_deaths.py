"""Deaths of any process of `onrecord up`: the rest goes on, and what died is started again.

Every process and each kind of child of PostgreSQL is killed with SIGKILL, alone and in pairs, while
nothing goes on and while a client writes. Each time a new entry must soon be readable, and its
webhook arrive. With the broker of `ONRECORD_TEST_BROKER_URL`, or PGMQ.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import combinations
from typing import Final
from uuid import uuid4

import pytest

from onrecord.client import ApiUnavailable, ProblemError, writes
from onrecord.ingest.schemas import ActorIn
from tests.support.processes import until
from tests.support.supervised import POSTGRES, Supervised, run_supervised

PROCESSES = ("local_api", "worker-1", "worker-2", "deliverer", "beat", "signer")
SINGLES: Final = [(name,) for name in PROCESSES]
PAIRS: Final = [*combinations(PROCESSES, 2)]
PAIRS_WHILE_BUSY: Final = [pair for pair in PAIRS if "signer" not in pair]
"""What is written needs no signer."""
CHILDREN_OF_POSTGRES = (
    *("backend", "checkpointer", "background writer", "walwriter"),
    *("autovacuum launcher", "logical replication launcher", "io worker"),
)

WITH_DATABASE: Final = (
    *((POSTGRES, "local_api"), ("backend", "worker-1"), ("checkpointer", "worker-2")),
    *(("background writer", "deliverer"), ("walwriter", "beat")),
    *(("autovacuum launcher", "io worker"), ("logical replication launcher", POSTGRES)),
)


@pytest.fixture(scope="module")
def running() -> Iterator[Supervised]:
    with run_supervised() as supervised:
        yield supervised


@contextmanager
def writing(running: Supervised) -> Iterator[None]:
    """A client that writes while the `with` lasts, and tries again where it is not answered."""
    stopping = threading.Event()

    def write() -> None:
        with running.user.client() as client:
            while not stopping.wait(0.02):
                actor = ActorIn(id=f"actor-{uuid4().hex}", kind="person")
                with suppress(ApiUnavailable, ProblemError):
                    client.send(writes.register_actor(actor))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@pytest.mark.parametrize("names", [*SINGLES, *PAIRS], ids="+".join)
def test_an_idle_deployment_works_after_deaths(running: Supervised, names: tuple[str, ...]) -> None:
    running.kill(*names)
    running.assert_works()


@pytest.mark.parametrize("names", [*SINGLES, *PAIRS_WHILE_BUSY], ids="+".join)
def test_a_busy_deployment_works_after_deaths(running: Supervised, names: tuple[str, ...]) -> None:
    with writing(running):
        running.kill(*names)
        running.assert_works()


@pytest.mark.parametrize("name", [POSTGRES, *CHILDREN_OF_POSTGRES])
def test_a_deployment_works_after_deaths_in_its_database(running: Supervised, name: str) -> None:
    with writing(running):
        running.kill(name)
        running.assert_works()


@pytest.mark.parametrize("names", [*WITH_DATABASE], ids="+".join)
def test_an_idle_deployment_works_after_deaths_in_its_database_and_outside(
    running: Supervised, names: tuple[str, str]
) -> None:
    running.kill(*names)
    running.assert_works()


def test_a_process_is_started_again_where_its_folder_of_logs_is_gone(running: Supervised) -> None:
    logs = running.user.folder / ".onrecord" / "logs"
    logs.rename(logs.with_name("rotated"))
    running.kill("beat")
    until(lambda: (logs / "beat.log").exists(), "beat writes a log again", pause=0.05)
    running.assert_works()


def test_every_process_of_a_deployment_is_one_that_these_tests_kill(running: Supervised) -> None:
    until(lambda: set(PROCESSES) <= set(running.processes()), "all processes run")
    for_a_moment = {"autovacuum worker", "startup"}
    assert {*PROCESSES, POSTGRES, *CHILDREN_OF_POSTGRES} == set(running.processes()) - for_a_moment
