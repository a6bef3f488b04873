"""Child processes that cannot outlive their parent: starting and stopping them.

Used by `entrypoints.supervisor` for the processes of `up`, and by `kit.postgres.server`.

Each child leads its own session, so Ctrl-C in the terminal reaches the parent alone, and the parent
decides what its children receive. On Linux the kernel sends `death_signal` when the parent ends,
also after `kill -9`. On macOS a small watcher process does that (`exec_with_parent.fork_watcher`);
if the watcher itself is killed, nothing is sent.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

LAUNCHER = Path(__file__).with_name("exec_with_parent.py")

Child = subprocess.Popen[bytes]


class SpawnedOffMainThread(RuntimeError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"Thread {name} can't spawn a child that is bound to this process, because Linux ends "
            "the child with the thread that made it: spawn from the main thread."
        )


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    log: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start a program in its own session, bound to the life of this process.

    `user`: name of the OS user to run as (needs root). `log`: the file its output is appended to
    (created with mode 0600, opened with our rights, not that user's); without it the child writes
    to our own output. A program that cannot be run is a child that exits with 127 and says why in
    its output.
    """
    if threading.current_thread() is not threading.main_thread():
        raise SpawnedOffMainThread(threading.current_thread().name)
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER)]
    with ExitStack() as stack:
        output = None
        if log is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            output = os.open(log, flags, 0o600)
            stack.callback(os.close, output)
        return subprocess.Popen(
            [*launcher, str(os.getpid()), str(int(death_signal)), user or "", *map(str, argv)],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def stop_children(
    children: Iterable[Child], *, grace: float, signum: signal.Signals = signal.SIGTERM
) -> list[Child]:
    """Signal the children, wait `grace` seconds for all of them, and return those it had to kill.

    Only the main process of each child is signalled: PostgreSQL stops its own children. What still
    runs at the deadline is killed with its process group.
    """
    pending = list(children)
    deadline = time.monotonic() + grace
    for child in pending:
        child.send_signal(signum)
    killed = []
    for child in pending:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            killed.append(child)
    return killed
