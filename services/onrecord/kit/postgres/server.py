"""How is a cluster made, and how is its server started and ended?

Called by `kit.local_postgres`, which holds the lock on the home: whatever server is found here is
nobody's. The server is a child of ours that gets SIGINT, a fast shutdown, even when we are killed
with -9.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from onrecord.kit.postgres.binaries import CannotRunPostgres, hand_over, is_another
from onrecord.kit.postgres.home import PORT, lock_lines, postmaster, serves
from onrecord.kit.processes.spawn import Child, spawn, stop

START_LIMIT = 60.0  # seconds
FAST_LIMIT = 8.0  # of a fast shutdown; Ctrl-C ends all of `up` within ten seconds
IMMEDIATE_LIMIT = 1.5

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",  # root may connect all the same
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "jit": "off",
}

# Nothing of our environment leaks in: PGPORT, PGTZ and the like would change the server.
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


class DidNotStart(CannotRunPostgres):
    def __init__(self, what: str, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        super().__init__("\n  ".join([f"{what}; {log} ends with:", *lines[-12:]]))


class DidNotStop(CannotRunPostgres):
    def __init__(self, pid: int) -> None:
        super().__init__(f"The server that an earlier holder left behind, {pid}, does not end.")


def make_cluster(home: Path, binaries: Path, account: pwd.struct_passwd, *, owner: str) -> None:
    """`initdb` beside the place, then rename: what was half made at a pulled plug is redone.

    Each try has a folder of its own, should an initdb outlive its killed holder by a moment.
    """
    for half in home.glob("initdb-*"):
        shutil.rmtree(half, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="initdb-", dir=home))
    hand_over(fresh, account)
    argv: list[str | Path] = [
        *(binaries / "initdb", "--pgdata", fresh, "--username", owner, "--no-instructions"),
        *("--encoding", "UTF8", "--locale", "C", "--data-checksums"),
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *("--auth-local", "peer", "--auth-host", "reject"),
    ]
    log = home / "server.log"
    # SIGKILL, because initdb would take its time over anything else.
    initdb = spawn_as(account, argv, home=home, log=log, death_signal=signal.SIGKILL)
    try:
        if initdb.wait(START_LIMIT) != 0:
            raise DidNotStart("PostgreSQL's initdb failed", log)
    except subprocess.TimeoutExpired:
        raise DidNotStart(f"PostgreSQL's initdb took over {START_LIMIT:.0f} s", log) from None
    finally:
        stop([initdb], grace=1)
    fresh.rename(home / "cluster")
    folder = os.open(home, os.O_RDONLY)
    try:
        os.fsync(folder)  # or a power cut could take the name, and with it all that is in there
    finally:
        os.close(folder)


def start(home: Path, binaries: Path, account: pwd.struct_passwd, *, socket: Path) -> Child:
    """A server that accepts connections.

    Tried again while processes of a killed server have not yet let go of its shared memory.
    """
    log, cluster = home / "server.log", home / "cluster"
    quoted = str(socket).replace('"', '""')
    settings = SETTINGS | {
        "unix_socket_directories": f'"{quoted}"',
        "hba_file": str(home / "pg_hba.conf"),
        "ident_file": str(home / "pg_ident.conf"),
    }
    argv: list[str | Path] = [binaries / "postgres", "-D", cluster]
    argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    deadline = time.monotonic() + START_LIMIT
    while True:
        before = log.stat().st_size if log.exists() else 0
        server = spawn_as(account, argv, home=home, log=log, death_signal=signal.SIGINT)
        try:
            if not until(partial(ready_or_ended, server, cluster), deadline):
                raise DidNotStart(f"PostgreSQL did not start within {START_LIMIT:.0f} s", log)
            if server.poll() is None:
                return server
            if b"shared memory block" not in log.read_bytes()[before:]:
                raise DidNotStart("PostgreSQL ended while it was starting", log)
        except BaseException:
            end(server)
            raise


def end(server: Child) -> None:
    """Fast, then immediate (the next start recovers), then by force."""
    with suppress(subprocess.TimeoutExpired):
        server.send_signal(signal.SIGINT)
        server.wait(FAST_LIMIT)
    stop([server], grace=IMMEDIATE_LIMIT, signum=signal.SIGQUIT)


def end_leftover(cluster: Path, *, socket: Path) -> None:
    """The server of a killed holder may still be shutting down: see to its end.

    PostgreSQL clears a dead server's lock files itself. But it refuses to start over an empty one,
    or where the number now belongs to another process, so in these cases they are cleared here.
    """
    left = postmaster(cluster)
    for signum, limit in ((signal.SIGINT, FAST_LIMIT), (signal.SIGQUIT, START_LIMIT)):
        if left is not None:
            with suppress(ProcessLookupError):
                os.kill(left.pid, signum)
            if until(partial(ended, left.pid, cluster), time.monotonic() + limit):
                left = None
    if left is not None:
        raise DidNotStop(left.pid)
    for file in (cluster / "postmaster.pid", socket / f".s.PGSQL.{PORT}.lock"):
        number = next(iter(lock_lines(file)), "")
        if not number.isdigit() or is_alive(int(number)):
            file.unlink(missing_ok=True)


def spawn_as(
    account: pwd.struct_passwd,
    argv: list[str | Path],
    *,
    home: Path,
    log: Path,
    death_signal: signal.Signals,
) -> Child:
    user = account.pw_name if is_another(account) else None
    return spawn(argv, env=ENVIRONMENT, cwd=home, user=user, log=log, death_signal=death_signal)


def ready_or_ended(server: Child, cluster: Path) -> bool:
    found = postmaster(cluster)
    return server.poll() is not None or (found is not None and found.ready)


def ended(pid: int, cluster: Path) -> bool:
    return not serves(pid, cluster)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def until(condition: Callable[[], bool], deadline: float) -> bool:
    """Whether it came true in time; asked often, as neither files nor strangers can be awaited."""
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
