"""Launcher script that binds a process to its parent's life and then execs the program.

Run as a script by `kit.processes.spawn` only. It changes to the requested OS user, asks the kernel
for a signal when the parent dies, and execs the program, which keeps this process id.

A script and not `Popen(preexec_fn=...)`, which may deadlock where the parent has threads. Not
`Popen(user=...)` either: that user may be unable to run our interpreter (one below /root, say).
The order matters: a change of credentials clears the parent-death signal, an exec does not. All
imports are at the top because that user may be unable to read our standard library.
"""

import ctypes
import json
import os
import pwd
import select
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1


def switch_user(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def reset_signals() -> None:
    """Undo what exec would pass on: the signals Python ignores, and those our parent blocks."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def bind_to_parent(parent: int, death_signal: int) -> None:
    """Have `death_signal` sent to this process when `parent` ends, however it ends."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    else:
        fork_watcher(parent, death_signal)
    # The parent may have died before the signal was set up.
    if os.getppid() != parent:
        os._exit(128 + death_signal)


def fork_watcher(parent: int, death_signal: int) -> None:
    """Fork a process that waits for either end (kqueue), for macOS, which has no PDEATHSIG.

    Forked twice, so that the program that we exec has no child of its own to reap.
    """
    program = os.getpid()
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return
    try:
        if os.fork() == 0 and sys.platform == "darwin":
            exits = [
                select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
                for pid in (program, parent)
            ]
            try:
                ended = select.kqueue().control(exits, 1)[0].ident
            except OSError:
                ended = parent  # it ended before it could be watched
            if ended != program:
                os.kill(program, death_signal)
    finally:
        os._exit(0)


def main(parent: str, death_signal: str, user: str, *argv: str) -> NoReturn:
    try:
        reset_signals()
        if user:
            switch_user(user)
        bind_to_parent(int(parent), int(death_signal))
        os.execvp(argv[0], argv)
    except (OSError, KeyError) as error:
        line = {"event": f"{argv[0]} could not be started: {error}", "level": "critical"}
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()
        os._exit(127)


if __name__ == "__main__":
    main(*sys.argv[1:])
