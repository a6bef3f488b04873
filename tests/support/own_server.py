"""A PostgreSQL server as an operator runs one: its own folder, settings in its files, `pg_ctl`.

Used by tests of runbooks, which stop, move and start it by the commands of a page.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from onrecord.kit.postgres.binaries import (
    chown_to,
    is_other_user,
    runnable_binaries,
    server_account,
)
from tests.support.clusters import silent
from tests.support.folders import scratch_folder

OWNER: Final = "onrecord"
DEBIAN_15: Final = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True)
class OwnServer:
    """A server and the folder that it may write to. The user `onrecord` may do all there."""

    binaries: Path
    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Of its database `onrecord`."""
        return f"postgresql://{OWNER}@/onrecord?host={self.folder}"

    def run(self, program: str, *arguments: str | Path) -> None:
        account = server_account()
        as_other = is_other_user(account)
        subprocess.run(
            [self.binaries / program, *arguments],
            cwd=self.folder,
            user=account.pw_uid if as_other else None,
            group=account.pw_gid if as_other else None,
            extra_groups=[] if as_other else None,
            stdout=subprocess.DEVNULL,
            check=True,
        )


@contextmanager
def run_own_server(binaries: Path | None = None) -> Iterator[OwnServer]:
    """A server with an empty database, of the embedded binaries if no others are given."""
    account = server_account()
    with tempfile.TemporaryDirectory(prefix="onrecord-own-", dir=scratch_folder()) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the socket in it, too, is for those who know it
        chown_to(account, folder)
        server = OwnServer(binaries or runnable_binaries(account, silent), folder)
        server.run("initdb", "-D", server.data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "-N")
        with (server.data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = ''\nunix_socket_directories = '{folder}'\nfsync = off\n"
            )
        server.run("pg_ctl", "start", "-D", server.data, "-w", "-l", folder / "log")
        try:
            server.run("createdb", "-h", folder, "-U", OWNER, "onrecord")
            yield server
        finally:
            server.run("pg_ctl", "stop", "-D", server.data, "-m", "immediate", "-w")
