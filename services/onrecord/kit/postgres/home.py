"""Where does the cluster of a data folder stand, who holds it, and is its server running?

Called by `kit.local_postgres` and `kit.postgres_server`. A home holds `cluster/` (PostgreSQL's own
files and its socket; 0700, the server's user's) and, ours, `holder.lock`, `server.log`,
`pg_hba.conf` and `pg_ident.conf`. Nothing that root writes stands in a folder where `nobody` may
write, or else `nobody` could aim it elsewhere.
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
    OutOfReach,
    Say,
    can_enter,
    hand_over,
    is_another,
    short_hash,
    state_folder,
)

PORT = 5432  # names the socket's file; nothing listens on TCP
LONGEST_SOCKET_PATH = 103  # bytes without the closing NUL, on macOS; Linux has 107


class NotOurs(CannotRunPostgres):
    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} can't be used by this OS user: it belongs to another.")


class AlreadyHeld(CannotRunPostgres):
    def __init__(self, data: Path, pid: str) -> None:
        super().__init__(f"Process {pid} already runs the database in {data}.")


@dataclass(frozen=True)
class Postmaster:
    """A server that is there, as its `postmaster.pid` describes it."""

    pid: int
    socket: Path
    ready: bool


def existing_home(data: Path) -> Path:
    """Where the cluster of this data folder stands if it has one: there or where a link leads."""
    return (data.resolve() / "postgres").resolve()


def made_home(data: Path, account: pwd.struct_passwd, say: Say) -> Path:
    """The same folder, made if need be, and surely within reach of the server's user.

    Where a cluster is, it stays: one that has become unreachable is refused, or an empty one would
    be started elsewhere and all would seem lost.
    """
    mode = 0o711 if is_another(account) else 0o700
    try:
        if not data.exists():
            data.mkdir(parents=True)
            data.chmod(mode)
        named = data.resolve() / "postgres"
        if not named.exists():
            named.unlink(missing_ok=True)  # a link whose end is gone
            if is_another(account) and not can_enter(account, data.resolve()):
                away = state_folder(account) / short_hash(data.resolve())
                away.mkdir(exist_ok=True)
                away.chmod(mode)
                named.symlink_to(away)
            else:
                named.mkdir()
                named.chmod(mode)
        home = named.resolve()
        if home.stat().st_uid != os.geteuid():
            raise NotOurs(home)
    except PermissionError:
        raise NotOurs(data) from None
    if not can_enter(account, home):
        raise OutOfReach(home, account.pw_name)
    if home != named:
        say(
            f"The database of {data.resolve()} stands in {home}, within reach of {account.pw_name}."
        )
    return home


@contextmanager
def held(home: Path, data: Path) -> Iterator[None]:
    """Be the one holder of this home; the kernel lets go of it however this process ends."""
    with (home / "holder.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyHeld(data, lock.read().strip()) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def socket_folder(home: Path, account: pwd.struct_passwd, say: Say) -> Path:
    """The 0700 folder of the server's socket: the cluster, unless that can't be a socket's path.

    Too long for the kernel, or a comma, which libpq takes for the end of a host, or a line's end,
    or a space, quote or backslash, with which PGMQ's client cannot make an address.
    """
    cluster = home / "cluster"
    length = len(os.fsencode(cluster / f".s.PGSQL.{PORT}"))
    plain = str(cluster).isprintable() and not set(str(cluster)) & set(",' \\")
    if length <= LONGEST_SOCKET_PATH and plain:
        return cluster
    shared = Path(tempfile.gettempdir()).resolve()
    if is_another(account):
        shared = state_folder(account)
    short = shared / f"onrecord-{short_hash(home)}"
    short.mkdir(mode=0o700, exist_ok=True)
    # Anyone may write in the system's temporary folder: trust only what can be nobody else's.
    found = short.lstat()
    if found.st_mode != 0o040700 or found.st_uid not in (os.geteuid(), account.pw_uid):
        raise NotOurs(short)
    hand_over(short, account)
    say(f"The database's socket stands in {short}: {cluster} can't be the path of one.")
    return short


def lock_lines(file: Path) -> list[str]:
    """The lines of a server's lock file: pid, cluster, start, port, socket's folder, and more."""
    try:
        return file.read_text(errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []
    except PermissionError:
        raise NotOurs(file) from None


def postmaster(cluster: Path) -> Postmaster | None:
    """The server that runs on this cluster, or None: a file left behind is not a server."""
    match lock_lines(cluster / "postmaster.pid"):
        case [pid, _, _, _, socket, *rest] if pid.isdigit() and serves(int(pid), cluster):
            return Postmaster(int(pid), Path(socket), any(line.strip() == "ready" for line in rest))
        case [pid, *_] if pid.isdigit() and serves(int(pid), cluster):
            return Postmaster(int(pid), cluster, ready=False)
    return None


def serves(pid: int, cluster: Path) -> bool:
    """Whether this process is a server of this cluster, and not its number's next owner.

    By its command line: to see its folder, root in a container would need CAP_SYS_PTRACE.
    """
    if sys.platform == "linux":
        try:
            return os.fsencode(cluster) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
    asked = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(asked, capture_output=True, text=True, errors="surrogateescape")
    return str(cluster) in shown.stdout
