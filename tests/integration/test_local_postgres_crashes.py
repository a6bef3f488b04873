"""After a crash of our own PostgreSQL or its holder: no orphan, and does the next start work?"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from onrecord.kit.postgres.binaries import server_account
from onrecord.kit.postgres.embedded import address_of, running
from onrecord.kit.postgres.home import existing_home
from onrecord.kit.processes.spawn import spawn, stop
from tests.support.clusters import (
    HOLDER,
    IS_ROOT,
    ask,
    holder,
    hush,
    is_gone,
    reachable_folder,
    within,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as root:
        yield root


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A data folder for tests that leave it as they found it: an initdb takes its time."""
    with reachable_folder() as root:
        yield root


def test_a_server_does_not_outlive_a_killed_holder_and_the_next_start_works(folder: Path) -> None:
    with holder(folder) as (process, said):
        pid, url = int(said[-1].split()[1]), said[-1].split()[2]
        ask(url, "CREATE TABLE kept AS SELECT 42 AS n")
        process.kill()
        process.wait()
        # At once, while the server may still be shutting down.
        with running(folder, say=hush) as server:
            assert ask(server.url, "SELECT n FROM kept") == [(42,)]
            assert is_gone(pid)


def test_a_server_ends_with_its_killed_holder_even_under_a_client_at_work(shared: Path) -> None:
    with holder(shared) as (process, said):
        pid, url = int(said[-1].split()[1]), said[-1].split()[2]
        client = psycopg.connect(url)
        client.execute("SELECT 1")  # and so in a transaction
        process.kill()
        process.wait()
        assert within(5, lambda: is_gone(pid))
        client.close()


def test_the_pid_file_of_a_killed_server_does_not_stop_the_next_start(folder: Path) -> None:
    with holder(folder) as (process, said):
        os.kill(int(said[-1].split()[1]), signal.SIGKILL)
        process.kill()
        process.wait()
    assert (existing_home(folder) / "cluster" / "postmaster.pid").exists()
    assert within(5, lambda: address_of(folder) is None)  # a killed process is there until reaped
    with running(folder, say=hush) as server:
        assert ask(server.url, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("empty", [False, True])
def test_lock_files_that_are_empty_or_name_another_process_do_not_stop_the_next_start(
    folder: Path, empty: bool
) -> None:
    cluster = folder / "postgres" / "cluster"
    locks = [cluster / "postmaster.pid", cluster / ".s.PGSQL.5432.lock"]
    with running(folder, say=hush):
        left = [lock.read_text().splitlines(keepends=True)[1:] for lock in locks]
    stranger = spawn(["sleep", "60"], user=server_account().pw_name if IS_ROOT else None)
    try:
        for lock, lines in zip(locks, left, strict=True):
            lock.write_text("" if empty else "".join([f"{stranger.pid}\n", *lines]))
        with running(folder, say=hush) as server:
            assert ask(server.url, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stop([stranger], grace=5)


def test_an_initdb_that_was_cut_off_is_done_again(folder: Path) -> None:
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
    with running(folder, say=hush) as server:
        assert ask(server.url, "SELECT 1") == [(1,)]
    assert not any(home.glob("initdb-*"))
