"""A streaming standby of the tests' PostgreSQL server, for tests of what may read a replica.

Copied with `pg_basebackup` from the embedded server of the session, with all its databases. It
replays what tests write on the primary from then on, and has a replication slot there.
"""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from onrecord.kit.postgres import embedded
from onrecord.kit.postgres.binaries import chown_to, runnable_binaries, server_account
from onrecord.kit.postgres.home import PORT, prepare_home
from onrecord.kit.postgres.server import spawn_as
from onrecord.kit.processes.spawn import stop_children
from tests.support.clusters import silent
from tests.support.folders import scratch_folder
from tests.support.processes import until

COPY_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Standby:
    """A running standby. URLs are those of the superuser."""

    primary_url: str
    url: str

    def database(self, url: str) -> str:
        """The URL of a database of the primary on the standby."""
        return urlunsplit(urlsplit(self.url)._replace(path=urlsplit(url).path))

    def catch_up(self) -> None:
        """Wait until the standby has replayed what is committed on the primary now."""
        with psycopg.connect(self.primary_url, autocommit=True) as conn:
            row = conn.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
        assert row
        with psycopg.connect(self.url, autocommit=True) as conn:

            def has_replayed() -> bool:
                replayed = conn.execute(
                    "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn", row
                ).fetchone()
                return replayed == (True,)

            until(has_replayed, "the standby has replayed what the primary wrote")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The standby without the process that receives and flushes what the primary writes."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            rows = conn.execute("SELECT pid FROM pg_stat_wal_receiver").fetchall()
        ((receiver,),) = rows
        os.kill(receiver, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(receiver, signal.SIGCONT)


@contextmanager
def run_standby(primary_url: str) -> Iterator[Standby]:
    """Run a standby of an embedded server. From the main thread only."""
    with (
        tempfile.TemporaryDirectory(prefix="onrecord-standby-", dir=scratch_folder()) as folder,
        _replication_allowed(primary_url),
        _replication_slot(primary_url) as slot,
    ):
        Path(folder).chmod(0o755)  # for the server's OS user
        data = Path(folder) / "data"
        _copy_cluster(primary_url, data, slot)
        with embedded.running_server(data, echo=silent) as server:
            yield Standby(primary_url, server.superuser_url)


@contextmanager
def _replication_slot(primary_url: str) -> Iterator[str]:
    """A physical slot for the standby, which holds back the log's signatures while it exists."""
    slot = f"standby_{uuid4().hex[:8]}"
    with psycopg.connect(primary_url, autocommit=True) as conn:
        conn.execute("SELECT pg_create_physical_replication_slot(%s, true)", [slot])

    def is_dropped() -> bool:
        inactive = "SELECT slot_name FROM pg_replication_slots WHERE slot_name = %s AND NOT active"
        with psycopg.connect(primary_url, autocommit=True) as conn:
            rows = conn.execute(
                f"SELECT pg_drop_replication_slot(slot_name) FROM ({inactive}) s", [slot]
            )
            return bool(rows.fetchall())

    try:
        yield slot
    finally:
        until(is_dropped, "the slot is dropped once the standby is gone")


@contextmanager
def _replication_allowed(primary_url: str) -> Iterator[None]:
    """Let the OS user of servers connect to the primary for replication."""
    rules = {
        "hba_file": "local replication all peer map=onrecord\n",
        "ident_file": f'onrecord "{server_account().pw_name}" {embedded.SUPERUSER}\n',
    }
    with psycopg.connect(primary_url, autocommit=True) as conn:
        rows = [conn.execute(f"SHOW {name}").fetchone() for name in rules]
        files = [Path(row[0]) for row in rows if row]
        before = [file.read_text() for file in files]
        for file, text, rule in zip(files, before, rules.values(), strict=True):
            file.write_text(text + rule)
        conn.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            for file, text in zip(files, before, strict=True):
                file.write_text(text)
            conn.execute("SELECT pg_reload_conf()")


def _copy_cluster(primary_url: str, data: Path, slot: str) -> None:
    """Copy the primary into a data folder, as a standby that streams from it."""
    account = server_account()
    home = prepare_home(data, account, silent)
    cluster, log = home / "cluster", home / "pg_basebackup.log"
    cluster.mkdir(mode=0o700)
    chown_to(account, cluster)
    argv: list[str | Path] = [
        *(runnable_binaries(account, silent) / "pg_basebackup", "--pgdata", cluster),
        *("--dbname", primary_url, "--write-recovery-conf", "--wal-method", "stream"),
        *("--slot", slot),
        *("--checkpoint", "fast", "--no-sync"),
    ]
    backup = spawn_as(account, argv, home=home, log=log, death_signal=signal.SIGKILL)
    try:
        assert backup.wait(COPY_SECONDS) == 0, log.read_text()
    finally:
        stop_children([backup], grace=1)
    # the primary's socket may lie in its cluster, and its lock names the primary's process
    (cluster / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
