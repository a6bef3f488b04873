"""How are child processes started so that none outlives its parent, and how are they ended?

Called by `entrypoints.local` for the processes of `up`, and by `kit.postgres_server`.

Each child leads a session of its own, so Ctrl-C in the terminal reaches the parent alone, which
decides what its children get. On Linux the kernel sends `death_signal` when the parent ends, by
`kill -9` too. On macOS a small process (`kit.tied.watch`) does that; killed itself, it does not.
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

TIED = Path(__file__).with_name("exec_with_parent.py")

Child = subprocess.Popen[bytes]


class SpawnedOffMainThread(RuntimeError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"Thread {name} can't spawn a tied child, because Linux ends the child with the thread "
            "that made it and not with the process: spawn from the main thread."
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
    """Start a program in a session of its own, tied to the life of this process.

    `user`: name of the OS user to run as (needs root). `log`: the file its output is appended to
    (made 0600, opened with our rights and not that user's); without it the child writes where we
    write. A program that can't be run is a child that exits with 127 and says why in its output.
    """
    if threading.current_thread() is not threading.main_thread():
        raise SpawnedOffMainThread(threading.current_thread().name)
    launcher = [sys.executable, "-I", "-S", str(TIED)]
    with ExitStack() as ours:
        output = None
        if log is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            output = os.open(log, flags, 0o600)
            ours.callback(os.close, output)
        return subprocess.Popen(
            [*launcher, str(os.getpid()), str(int(death_signal)), user or "", *map(str, argv)],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def stop(
    children: Iterable[Child], *, grace: float, signum: signal.Signals = signal.SIGTERM
) -> list[Child]:
    """End the children, all within the same `grace` seconds; answers those that had to be killed.

    Only each child's main process is signalled: a Celery worker's pool must hear of it from the
    worker, or loses its tasks. What is left at the deadline is killed with its process group.
    """
    awaited = list(children)
    deadline = time.monotonic() + grace
    for child in awaited:
        child.send_signal(signum)
    killed = []
    for child in awaited:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            killed.append(child)
    return killed
