"""How does a process tie its life to its parent's before it becomes another program?

Run as a script by `kit.children.spawn`, and by nobody else: it changes to the user asked for, asks
the kernel for a signal at its parent's death, and execs the program, which keeps this process's id.

A script and not `Popen(preexec_fn=...)`, which may deadlock where the parent has threads, and not
`Popen(user=...)`, because that user may be unable to run our interpreter (one below /root, say).
The order matters: a change of credentials clears the parent-death signal, an exec does not. All
imports stand at the top, because the user may be unable to read our standard library either.
"""

import ctypes
import os
import pwd
import select
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1


def become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def as_from_a_shell() -> None:
    """Undo what exec would hand on: the signals Python ignores, and those our parent blocks."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def tie(parent: int, death_signal: int) -> None:
    """From here on `death_signal` comes when `parent` ends, however it ends."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    else:
        watch(parent, death_signal)
    # The parent may have died before the kernel knew that we care.
    if os.getppid() != parent:
        os._exit(128 + death_signal)


def watch(parent: int, death_signal: int) -> None:
    """Where there is no PDEATHSIG, a small process waits for either end (kqueue) and passes it on.

    Forked twice, so that the program that we become has no child that it did not make.
    """
    program = os.getpid()
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return
    try:
        if os.fork() == 0 and sys.platform == "darwin":
            ends = [
                select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
                for pid in (program, parent)
            ]
            try:
                gone = select.kqueue().control(ends, 1)[0].ident
            except OSError:
                gone = parent  # before we could watch it
            if gone != program:
                os.kill(program, death_signal)
    finally:
        os._exit(0)


def main(parent: str, death_signal: str, user: str, *argv: str) -> NoReturn:
    try:
        as_from_a_shell()
        if user:
            become(user)
        tie(int(parent), int(death_signal))
        os.execvp(argv[0], argv)
    except (OSError, KeyError) as error:
        sys.stderr.write(f"{argv[0]} could not be started: {error}\n")
        sys.stderr.flush()
        os._exit(127)


if __name__ == "__main__":
    main(*sys.argv[1:])
