"""Child processes end with their parent, and `stop_children` ends them in time."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from onrecord.kit.processes.spawn import LAUNCHER, Child, SpawnedOffMainThread, spawn, stop_children
from tests.support.clusters import is_gone, within

PARENT = """
import sys
from onrecord.kit.processes.spawn import spawn
spawn(["sh", "-c", "echo $$; exec sleep 60"])
sys.stdin.read()
"""


@pytest.fixture
def spawned() -> Iterator[list[Child]]:
    children: list[Child] = []
    yield children
    for child in children:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def shell(script: str, *, log: Path, lines: int = 1) -> Child:
    """A shell that has written `lines` lines, which it does after it has set its traps."""
    child = spawn(["sh", "-c", script], log=log)
    assert within(5, lambda: log.exists() and log.read_text().count("\n") >= lines)
    return child


def test_child_dies_when_its_parent_is_killed() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdin and parent.stdout
    with parent.stdin, parent.stdout:
        child = int(parent.stdout.readline())
        assert not is_gone(child)
        parent.kill()
        parent.wait()
    assert within(5, lambda: is_gone(child))


def test_child_whose_parent_died_before_exec_never_runs(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    other_parent = str(os.getppid())  # as if the real parent had died and init had taken over
    argv = [sys.executable, "-I", "-S", str(LAUNCHER), other_parent, str(int(signal.SIGTERM)), ""]
    assert subprocess.run([*argv, "touch", str(ran)]).returncode == 128 + signal.SIGTERM
    assert not ran.exists()


def test_child_leads_its_own_session_so_ctrl_c_does_not_reach_it(spawned: list[Child]) -> None:
    child = spawn(["sleep", "60"])
    spawned.append(child)
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_child_that_ignores_sigterm_is_killed_with_its_process_group(
    tmp_path: Path, spawned: list[Child]
) -> None:
    log = tmp_path / "log"
    child = shell("trap '' TERM; sleep 60 & echo $!; wait", log=log)
    spawned.append(child)
    started = time.monotonic()
    assert stop_children([child], grace=0.5) == [child]
    assert 0.5 <= time.monotonic() - started < 3
    assert child.returncode == -signal.SIGKILL
    assert within(5, lambda: is_gone(int(log.read_text())))


def test_children_share_the_grace_period(tmp_path: Path, spawned: list[Child]) -> None:
    spawned.extend(shell("trap '' TERM; echo; sleep 60", log=tmp_path / str(n)) for n in range(4))
    started = time.monotonic()
    assert stop_children(spawned, grace=0.5) == spawned
    assert time.monotonic() - started < 1.5


def test_child_that_handles_sigterm_is_not_killed(tmp_path: Path, spawned: list[Child]) -> None:
    child = shell("trap 'exit 7' TERM; echo; sleep 60 & wait", log=tmp_path / "log")
    spawned.append(child)
    assert stop_children([child], grace=5) == []
    assert child.returncode == 7


def test_only_the_main_process_of_a_child_is_signalled(
    tmp_path: Path, spawned: list[Child]
) -> None:
    log = tmp_path / "log"
    pool = "sh -c 'trap \"echo signalled\" TERM; echo pool; sleep 1 & wait; wait'"
    child = shell(f"trap 'wait; exit 0' TERM; {pool} & echo main; wait", log=log, lines=2)
    spawned.append(child)
    assert stop_children([child], grace=5) == []
    assert sorted(log.read_text().split()) == ["main", "pool"]


def test_child_receives_signals_that_its_parent_blocks(
    tmp_path: Path, spawned: list[Child]
) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        child = shell("trap 'exit 7' TERM; echo; sleep 60 & wait", log=tmp_path / "log")
        spawned.append(child)
        assert stop_children([child], grace=5) == []
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    assert child.returncode == 7


def test_missing_program_exits_with_127_and_an_error_message(tmp_path: Path) -> None:
    child = spawn([tmp_path / "absent"], log=tmp_path / "log")
    assert child.wait(60) == 127
    assert f"{tmp_path}/absent could not be started" in (tmp_path / "log").read_text()


def test_spawning_from_another_thread_is_refused() -> None:
    refusals: list[str] = []

    def try_to_spawn() -> None:
        try:
            spawn(["true"])
        except SpawnedOffMainThread as refusal:
            refusals.append(str(refusal))

    thread = threading.Thread(target=try_to_spawn, name="helper")
    thread.start()
    thread.join()
    assert [refusal.split(" can't")[0] for refusal in refusals] == ["Thread helper"]
