"""A running `onrecord up` whose processes are killed, with a receiver of its webhooks.

Used by `tests.e2e.test_deaths` and by `ops/faults`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

import psutil

from onrecord.client import ApiUnavailable, ProblemError, endpoints, writes
from onrecord.client.parameters import AtSize
from onrecord.ingest.schemas import ActorIn
from onrecord.webhooks.api.requests import EndpointIn
from tests.support.commands import User, all_gone, tree, user
from tests.support.processes import BROKER, until
from tests.support.receiver import Receiver, run_receiver
from tests.support.recording import can_read_actor

SECONDS = 120.0
"""The time within which everything works again, also on a busy machine. On two free cores it is
within 30 s."""
POSTGRES = "postgres"


@dataclass
class Supervised:
    """A running `onrecord up`, and a receiver of its events. `root` is the supervisor."""

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
            with suppress(ApiUnavailable, ProblemError):
                seqs.append(client.send(writes.register_actor(new)).seq)
            return bool(seqs)

        new = ActorIn(id=slug, kind="person")
        with self.user.client() as client:
            wait(accepted, "a write is accepted")
            at = AtSize(min_size=seqs[0] + 1)
            wait(lambda: can_read_actor(client, slug, at), "the entry is readable")
        wait(lambda: seqs[0] in self.receiver.seqs(), "its webhook arrives")


def name_of(process: psutil.Process, named: dict[str, psutil.Process]) -> str:
    """The name that `onrecord up` gives a process, or PostgreSQL's kind of one."""
    command = process.cmdline()
    module = command[-1].rpartition(".")[2]
    if "-m" in command:
        return module if module != "worker" else f"worker-{1 + ('worker-1' in named)}"
    kind = command[0].removeprefix("postgres: ").rstrip("0123456789 ")
    return POSTGRES if "-D" in command else "backend" if "onrecord" in kind else kind


@contextmanager
def run_supervised() -> Iterator[Supervised]:
    """`onrecord up` in an empty folder; at the end it must be ready, and equal to a replay."""
    with user() as in_empty_folder, run_receiver() as receiver:
        in_empty_folder.settings["ONRECORD_EGRESS_ALLOW"] = "127.0.0.1/32"
        if BROKER:
            in_empty_folder.settings["ONRECORD_BROKER_URL"] = BROKER
        with in_empty_folder.up() as process:
            endpoint = EndpointIn(url=receiver.url(), types=("actor.registered",))
            with in_empty_folder.client() as client:
                client.send(endpoints.create_endpoint(endpoint))
            yield Supervised(in_empty_folder, tree(process)[0], receiver)
            assert process.poll() is None
            # a recent sweep, so beat and a worker live
            until(lambda: in_empty_folder.ready(process), "everything is ready")
            assert in_empty_folder.run("replay")[0] == 0
