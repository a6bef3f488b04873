"""Home folder of an embedded cluster: its location, its lock, and its `postmaster.pid`.

Used by `kit.postgres.embedded` and `kit.postgres.server`. A home contains `cluster/` (PostgreSQL's
files and its socket; mode 0700, owned by the server's user) and files of ours: `holder.lock`,
`server.log`, `pg_hba.conf`, `pg_ident.conf`. Root never writes into a folder that `nobody` can
write to, because `nobody` could redirect the write with a symbolic link.
"""

import fcntl
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from onrecord.kit.postgres.binaries import (
    CannotRunPostgres,
    Echo,
    OutOfReach,
    can_enter,
    chown_to,
    is_other_user,
    short_hash,
    state_folder,
)

PORT = 5432  # part of the socket's file name; nothing listens on TCP
MAX_SOCKET_PATH = 103  # bytes without the closing NUL, on macOS; Linux has 107


class NotOurs(CannotRunPostgres):
    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} can't be used by this OS user: it belongs to another.")


class AlreadyRunning(CannotRunPostgres):
    def __init__(self, data: Path, pid: str) -> None:
        super().__init__(f"Process {pid} already runs the database in {data}.")


@dataclass(frozen=True)
class Postmaster:
    """A running server as described by its `postmaster.pid`."""

    pid: int
    socket: Path
    ready: bool


def home_of(data: Path) -> Path:
    """The home of this data folder, whether it exists or not: `postgres`, or the link's target."""
    return (data.resolve() / "postgres").resolve()


def prepare_home(data: Path, account: pwd.struct_passwd, echo: Echo) -> Path:
    """The home of this data folder, created if missing, and accessible to the server's user.

    An existing cluster is never moved. If it has become inaccessible, this raises `OutOfReach`: a
    new, empty cluster elsewhere would look like lost data.
    """
    mode = 0o711 if is_other_user(account) else 0o700
    try:
        if not data.exists():
            data.mkdir(parents=True)
            data.chmod(mode)
        link = data.resolve() / "postgres"
        if not link.exists():
            link.unlink(missing_ok=True)  # a dangling link
            if is_other_user(account) and not can_enter(account, data.resolve()):
                away = state_folder(account) / short_hash(data.resolve())
                away.mkdir(exist_ok=True)
                away.chmod(mode)
                link.symlink_to(away)
            else:
                link.mkdir()
                link.chmod(mode)
        home = link.resolve()
        if home.stat().st_uid != os.geteuid():
            raise NotOurs(home)
    except PermissionError:
        raise NotOurs(data) from None
    if not can_enter(account, home):
        raise OutOfReach(home, account.pw_name)
    if home != link:
        echo(
            f"The database of {data.resolve()} stands in {home}, within reach of {account.pw_name}."
        )
    return home


@contextmanager
def locked(home: Path, data: Path) -> Iterator[None]:
    """Hold the exclusive lock on this home; the kernel releases it however this process ends."""
    with (home / "holder.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(data, lock.read().strip()) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def socket_folder(home: Path, account: pwd.struct_passwd, echo: Echo) -> Path:
    """The folder of the server's socket, mode 0700: the cluster, or a short path elsewhere.

    Elsewhere if the path is too long for the kernel, or contains a comma (libpq's separator of
    hosts), a line break, or a space, quote or backslash (PGMQ's client cannot quote them).
    """
    cluster = home / "cluster"
    length = len(os.fsencode(cluster / f".s.PGSQL.{PORT}"))
    plain = str(cluster).isprintable() and not set(str(cluster)) & set(",' \\")
    if length <= MAX_SOCKET_PATH and plain:
        return cluster
    shared = Path(tempfile.gettempdir()).resolve()
    if is_other_user(account):
        shared = state_folder(account)
    short = shared / f"onrecord-{short_hash(home)}"
    short.mkdir(mode=0o700, exist_ok=True)
    # Anyone may write to the system's temporary folder, so accept only a folder of our own.
    status = short.lstat()
    if status.st_mode != 0o040700 or status.st_uid not in (os.geteuid(), account.pw_uid):
        raise NotOurs(short)
    chown_to(account, short)
    echo(f"The database's socket stands in {short}: {cluster} can't be the path of one.")
    return short


def lock_file_lines(file: Path) -> list[str]:
    """Lines of a server's lock file: pid, cluster, start time, port, socket folder, and more."""
    try:
        return file.read_text(errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []
    except PermissionError:
        raise NotOurs(file) from None


def running_postmaster(cluster: Path) -> Postmaster | None:
    """The server that runs on this cluster, or None, also if a stale `postmaster.pid` is left."""
    match lock_file_lines(cluster / "postmaster.pid"):
        case [pid, _, _, _, socket, *rest] if pid.isdigit() and is_server_of(int(pid), cluster):
            return Postmaster(int(pid), Path(socket), any(line.strip() == "ready" for line in rest))
        case [pid, *_] if pid.isdigit() and is_server_of(int(pid), cluster):
            return Postmaster(int(pid), cluster, ready=False)
    return None


def is_server_of(pid: int, cluster: Path) -> bool:
    """Whether this process is a server of this cluster, and not a later process with the same pid.

    Checked by its command line: to read its folder, root in a container needs CAP_SYS_PTRACE.
    """
    if sys.platform == "linux":
        try:
            return os.fsencode(cluster) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
    argv = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    ps = subprocess.run(argv, capture_output=True, text=True, errors="surrogateescape")
    return str(cluster) in ps.stdout
