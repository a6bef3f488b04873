"""Server process of an embedded cluster: initdb, start, stop.

Used by `kit.postgres.embedded`, which holds the lock on the home, so a server that already runs
there is a leftover of a killed process. The server is our child and receives SIGINT (fast shutdown)
also when we are killed with `kill -9`.
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

from onrecord.kit.postgres.binaries import CannotRunPostgres, chown_to, is_other_user
from onrecord.kit.postgres.home import PORT, is_server_of, lock_file_lines, running_postmaster
from onrecord.kit.processes.spawn import Child, spawn, stop_children

START_SECONDS = 60.0
RECOVERY_SECONDS = 600.0  # of a server that was killed, which reads its log again
FAST_SHUTDOWN_SECONDS = 8.0  # Ctrl-C ends all of `up` within ten seconds
IMMEDIATE_SHUTDOWN_SECONDS = 1.5

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",  # root can connect anyway
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "jit": "off",
}

# Not our own environment: PGPORT, PGTZ and the like would change the server.
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


class DidNotStart(CannotRunPostgres):
    def __init__(self, what: str, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        super().__init__("\n  ".join([f"{what}; {log} ends with:", *lines[-12:]]))


class DidNotStop(CannotRunPostgres):
    def __init__(self, pid: int) -> None:
        super().__init__(f"The server that an earlier holder left behind, {pid}, does not end.")


def create_cluster(home: Path, binaries: Path, account: pwd.struct_passwd, *, owner: str) -> None:
    """Run `initdb` in a temporary folder and rename it, so that an interrupted run is redone.

    Each run has its own folder, because an initdb may outlive its killed parent for a moment.
    """
    for partial_cluster in home.glob("initdb-*"):
        shutil.rmtree(partial_cluster, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="initdb-", dir=home))
    chown_to(account, fresh)
    argv: list[str | Path] = [
        *(binaries / "initdb", "--pgdata", fresh, "--username", owner, "--no-instructions"),
        *("--encoding", "UTF8", "--locale", "C", "--data-checksums"),
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *("--auth-local", "peer", "--auth-host", "reject"),
    ]
    log = home / "server.log"
    # SIGKILL, because initdb reacts slowly to other signals.
    initdb = spawn_as(account, argv, home=home, log=log, death_signal=signal.SIGKILL)
    try:
        if initdb.wait(START_SECONDS) != 0:
            raise DidNotStart("PostgreSQL's initdb failed", log)
    except subprocess.TimeoutExpired:
        raise DidNotStart(f"PostgreSQL's initdb took over {START_SECONDS:.0f} s", log) from None
    finally:
        stop_children([initdb], grace=1)
    fresh.rename(home / "cluster")
    folder = os.open(home, os.O_RDONLY)
    try:
        os.fsync(folder)  # or a power cut could undo the rename
    finally:
        os.close(folder)


def start_server(
    home: Path,
    binaries: Path,
    account: pwd.struct_passwd,
    *,
    socket: Path,
    seconds: float = START_SECONDS,
) -> Child:
    """Start a server and wait until it accepts connections.

    Retried while processes of a killed server still hold its shared memory.
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
    deadline = time.monotonic() + seconds
    while True:
        before = log.stat().st_size if log.exists() else 0
        server = spawn_as(account, argv, home=home, log=log, death_signal=signal.SIGINT)
        try:
            if not wait_until(partial(is_ready_or_exited, server, cluster), deadline):
                raise DidNotStart(f"PostgreSQL did not start within {seconds:.0f} s", log)
            if server.poll() is None:
                return server
            if b"shared memory block" not in log.read_bytes()[before:]:
                raise DidNotStart("PostgreSQL ended while it was starting", log)
            time.sleep(0.1)
        except BaseException:
            stop_server(server)
            raise


def stop_server(server: Child) -> None:
    """Fast shutdown, then immediate shutdown (the next start recovers), then SIGKILL."""
    with suppress(subprocess.TimeoutExpired):
        server.send_signal(signal.SIGINT)
        server.wait(FAST_SHUTDOWN_SECONDS)
    stop_children([server], grace=IMMEDIATE_SHUTDOWN_SECONDS, signum=signal.SIGQUIT)


def stop_leftover_server(cluster: Path, *, socket: Path) -> None:
    """Stop a server whose parent was killed, and remove lock files that block the next start.

    PostgreSQL removes a dead server's lock files itself, except an empty one, and one whose pid now
    belongs to another process. Those are removed here.
    """
    leftover = running_postmaster(cluster)
    for signum, limit in ((signal.SIGINT, FAST_SHUTDOWN_SECONDS), (signal.SIGQUIT, START_SECONDS)):
        if leftover is not None:
            with suppress(ProcessLookupError):
                os.kill(leftover.pid, signum)
            if wait_until(partial(has_exited, leftover.pid, cluster), time.monotonic() + limit):
                leftover = None
    if leftover is not None:
        raise DidNotStop(leftover.pid)
    for file in (cluster / "postmaster.pid", socket / f".s.PGSQL.{PORT}.lock"):
        pid = next(iter(lock_file_lines(file)), "")
        if not pid.isdigit() or is_alive(int(pid)):
            file.unlink(missing_ok=True)


def spawn_as(
    account: pwd.struct_passwd,
    argv: list[str | Path],
    *,
    home: Path,
    log: Path,
    death_signal: signal.Signals,
) -> Child:
    user = account.pw_name if is_other_user(account) else None
    return spawn(argv, env=ENVIRONMENT, cwd=home, user=user, log=log, death_signal=death_signal)


def is_ready_or_exited(server: Child, cluster: Path) -> bool:
    postmaster = running_postmaster(cluster)
    return server.poll() is not None or (postmaster is not None and postmaster.ready)


def has_exited(pid: int, cluster: Path) -> bool:
    return not is_server_of(pid, cluster)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def wait_until(condition: Callable[[], bool], deadline: float) -> bool:
    """Poll a condition until `deadline` (monotonic seconds); whether it became true."""
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
