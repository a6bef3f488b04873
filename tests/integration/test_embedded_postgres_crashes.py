"""Crashes of the embedded PostgreSQL or its parent: no orphan remains, the next start works."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from onrecord.kit.postgres.binaries import server_account
from onrecord.kit.postgres.embedded import running_server, url_of_running_server
from onrecord.kit.postgres.home import home_of
from onrecord.kit.processes.spawn import spawn, stop_children
from tests.support.clusters import (
    HOLDER,
    IS_ROOT,
    ask,
    holder,
    is_gone,
    reachable_folder,
    silent,
    within,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as root:
        yield root


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A data folder for tests that do not change it, because initdb is slow."""
    with reachable_folder() as root:
        yield root


def test_server_ends_with_its_killed_parent_and_the_next_start_works(folder: Path) -> None:
    with holder(folder) as (process, output):
        pid, url = int(output[-1].split()[1]), output[-1].split()[2]
        ask(url, "CREATE TABLE answer AS SELECT 42 AS n")
        process.kill()
        process.wait()
        # Immediately, while the old server may still be shutting down.
        with running_server(folder, echo=silent) as server:
            assert ask(server.superuser_url, "SELECT n FROM answer") == [(42,)]
            assert is_gone(pid)


def test_server_ends_with_its_killed_parent_despite_an_open_transaction(shared: Path) -> None:
    with holder(shared) as (process, output):
        pid, url = int(output[-1].split()[1]), output[-1].split()[2]
        client = psycopg.connect(url)
        client.execute("SELECT 1")  # opens a transaction
        process.kill()
        process.wait()
        assert within(5, lambda: is_gone(pid))
        client.close()


def test_stale_pid_file_does_not_block_the_next_start(folder: Path) -> None:
    with holder(folder) as (process, output):
        os.kill(int(output[-1].split()[1]), signal.SIGKILL)
        process.kill()
        process.wait()
    assert (home_of(folder) / "cluster" / "postmaster.pid").exists()
    assert within(
        5, lambda: url_of_running_server(folder) is None
    )  # a killed process exists until it is reaped
    with running_server(folder, echo=silent) as server:
        assert ask(server.superuser_url, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("empty", [False, True])
def test_lock_files_that_are_empty_or_name_another_process_do_not_block_the_next_start(
    folder: Path, empty: bool
) -> None:
    cluster = folder / "postgres" / "cluster"
    locks = [cluster / "postmaster.pid", cluster / ".s.PGSQL.5432.lock"]
    with running_server(folder, echo=silent):
        contents = [lock.read_text().splitlines(keepends=True)[1:] for lock in locks]
    other_process = spawn(["sleep", "60"], user=server_account().pw_name if IS_ROOT else None)
    try:
        for lock, lines in zip(locks, contents, strict=True):
            lock.write_text("" if empty else "".join([f"{other_process.pid}\n", *lines]))
        with running_server(folder, echo=silent) as server:
            assert ask(server.superuser_url, "SELECT 1") == [(1,)]
        assert other_process.poll() is None
    finally:
        stop_children([other_process], grace=5)


def test_interrupted_initdb_is_redone(folder: Path) -> None:
    home = folder / "postgres"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
    )
    assert first.stdin
    with first.stdin:
        assert within(20, lambda: any(home.glob("initdb-*/base/1")))
        first.kill()
        first.wait()
    assert any(home.glob("initdb-*"))
    assert not (home / "cluster").exists()
    with running_server(folder, echo=silent) as server:
        assert ask(server.superuser_url, "SELECT 1") == [(1,)]
    assert not any(home.glob("initdb-*"))
