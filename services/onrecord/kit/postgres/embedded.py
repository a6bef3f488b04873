"""How does onrecord run where there is no PostgreSQL? With one of its own, held while it runs.

Called by `entrypoints.local` (`running`: start the server, hold it, end it), by commands that talk
to a running `up` (`address_of`), and by tests.

The server listens on a unix socket only, in a folder of mode 0700, and admits by `peer`: whoever
the kernel says is root, the holder's user or the server's is the role `onrecord`, a superuser. Not
the wheel's own `get_server()`, which opens parents' modes to all, trusts everyone who connects,
gives up after ten seconds, and outlives a killed holder.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from onrecord.kit.postgres.binaries import Say, runnable_binaries, server_account
from onrecord.kit.postgres.home import (
    PORT,
    existing_home,
    held,
    made_home,
    postmaster,
    socket_folder,
)
from onrecord.kit.postgres.server import end, end_leftover, make_cluster, start
from onrecord.kit.processes.spawn import Child

NAME = "onrecord"  # of the role, the database and the map of OS users

HBA = f"local all all peer map={NAME}\n"


@dataclass(frozen=True)
class LocalPostgres:
    url: str  # for psycopg, SQLAlchemy and libpq's own programs alike
    log: Path
    process: Child  # to notice its end by; `running` is the one to end it


@contextmanager
def running(data: Path, *, say: Say) -> Iterator[LocalPostgres]:
    """Hold the database of this data folder: made if there is none, up while the `with` lasts.

    From the main thread only. `say` is told one sentence for each thing that stands elsewhere than
    asked. Raises `CannotRunPostgres` where another process holds it, the binaries are missing, a
    folder is another's or out of reach, or the server does not start.
    """
    account = server_account()
    binaries = runnable_binaries(account, say)
    home = made_home(data, account, say)
    with held(home, data):
        socket = socket_folder(home, account, say)
        end_leftover(home / "cluster", socket=socket)
        if not (home / "cluster").exists():
            make_cluster(home, binaries, account, owner=NAME)
        write_access_rules(home, account)
        server = start(home, binaries, account, socket=socket)
        try:
            make_database(socket)
            yield LocalPostgres(address(socket, NAME), home / "server.log", server)
        finally:
            end(server)


def address_of(data: Path) -> str | None:
    """The URL of the server that somebody runs on this data folder, or None; it holds nothing."""
    found = postmaster(existing_home(data) / "cluster")
    return address(found.socket, NAME) if found and found.ready else None


def address(socket: Path, database: str) -> str:
    """With its port, or a client's PGPORT would name another socket."""
    host = quote(os.fsencode(socket), safe="")
    return f"postgresql://{NAME}@/{database}?host={host}&port={PORT}"


def write_access_rules(home: Path, account: pwd.struct_passwd) -> None:
    """Written at each start, as the holder's user is in them; read by the server's user."""
    users = {"root", account.pw_name, pwd.getpwuid(os.geteuid()).pw_name}
    ident = "".join(f'{NAME} "{user}" {NAME}\n' for user in sorted(users))
    for name, text in (("pg_hba.conf", HBA), ("pg_ident.conf", ident)):
        (home / name).write_text(text)
        (home / name).chmod(0o644)


def make_database(socket: Path) -> None:
    with psycopg.connect(address(socket, "postgres"), autocommit=True) as connection:
        asked = connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME])
        if asked.fetchone() is None:
            connection.execute(f"CREATE DATABASE {NAME}")
