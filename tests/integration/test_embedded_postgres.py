"""Embedded PostgreSQL: data at any path, an exclusive lock, and errors that name the cause."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from onrecord.kit.postgres.binaries import server_account
from onrecord.kit.postgres.embedded import (
    OtherVersion,
    as_superuser,
    running_server,
    url_of_running_server,
)
from onrecord.kit.postgres.home import AlreadyRunning, home_of, prepare_home
from onrecord.kit.postgres.server import DidNotStart
from onrecord.kit.sql.db import conninfo
from tests.support.clusters import ask, holder, reachable_folder, silent


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as root:
        yield root


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A data folder for tests that do not change it, because initdb is slow."""
    with reachable_folder() as root:
        yield root


def test_data_survives_a_restart(folder: Path) -> None:
    data = folder / "data"
    with running_server(data, echo=silent) as server:
        ask(server.superuser_url, "CREATE TABLE answer AS SELECT 42 AS n")
        first = server.process
    assert first.poll() == 0
    assert url_of_running_server(data) is None
    with running_server(data, echo=silent) as server:
        assert ask(server.superuser_url, "SELECT n FROM answer") == [(42,)]


def test_psycopg_sqlalchemy_and_key_value_conninfo_reach_the_same_server(shared: Path) -> None:
    query = "SELECT current_user::text, current_database()::text, pg_postmaster_start_time()"
    with running_server(shared, echo=silent) as server:
        answer = ask(server.url, query)
        assert ask(conninfo(server.url), query) == answer
        engine = sqlalchemy.create_engine(server.url)
        with engine.connect() as connection:
            assert [tuple(row) for row in connection.execute(sqlalchemy.text(query))] == answer
        engine.dispose()
    assert answer[0][:2] == ("onrecord_login", "onrecord")


def test_server_settings(shared: Path) -> None:
    names = ("fsync", "jit", "timezone", "max_connections", "data_checksums", "server_encoding")
    with running_server(shared, echo=silent) as server:
        values = [ask(server.superuser_url, f"SHOW {name}")[0][0] for name in names]
        locale = ask(
            server.superuser_url, "SELECT datlocprovider::text, datlocale FROM pg_database LIMIT 1"
        )
        [(version,)] = ask(server.superuser_url, "SHOW server_version_num")
        # SHOW answers text
        assert version >= "180000"  # type: ignore[operator]
    assert values == ["on", "off", "UTC", "100", "on", "UTF8"]
    assert locale == [("b", "C.UTF-8")]


def test_second_server_on_a_data_folder_is_refused_with_the_pid_of_the_first(shared: Path) -> None:
    with running_server(shared, echo=silent) as server:
        with (
            pytest.raises(AlreadyRunning, match=f"Process {os.getpid()} already runs"),
            running_server(shared, echo=silent),
        ):
            pass
        assert ask(server.superuser_url, "SELECT 1") == [(1,)]


def test_url_of_a_server_that_another_process_runs(shared: Path) -> None:
    assert url_of_running_server(shared) is None
    with holder(shared) as (_, output):
        url = url_of_running_server(shared)
        assert url is not None
        assert as_superuser(url) == output[-1].split()[2]
        assert ask(url, "SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "name", ["with a space", "Überlieferung 記録", 'it\'s "50%" [a:b]\\c', "a,b", "long/" * 40]
)
def test_data_folder_may_have_any_path(folder: Path, name: str) -> None:
    lines: list[str] = []
    with running_server(folder / name, echo=lines.append) as server:
        assert ask(server.superuser_url, "SELECT 1") == [(1,)]
        assert ask(conninfo(server.url), "SELECT 1") == [(1,)]
        assert url_of_running_server(folder / name) == server.url
        [(socket,)] = ask(server.superuser_url, "SHOW unix_socket_directories")
        socket_folder = Path(str(socket).strip('"').replace('""', '"'))
        assert socket_folder.stat().st_mode & 0o777 == 0o700
    elsewhere = not socket_folder.is_relative_to(folder)
    assert elsewhere == (bool(set(name) & set(",' \\")) or name.startswith("long"))
    assert [str(socket_folder) in sentence for sentence in lines] == [True] * elsewhere
    if elsewhere:
        socket_folder.rmdir()


def test_failed_start_names_the_log_and_quotes_its_end(folder: Path) -> None:
    with running_server(folder, echo=silent):
        pass
    (home_of(folder) / "cluster" / "postgresql.conf").write_text("no_such_setting = 1\n")
    complaint = r"server\.log ends with:(\n.*)*no_such_setting"
    with pytest.raises(DidNotStart, match=complaint), running_server(folder, echo=silent):
        pass


def test_files_of_another_major_version_are_left_alone_and_the_runbook_is_named(
    folder: Path,
) -> None:
    cluster = prepare_home(folder, server_account(), silent) / "cluster"
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text("9\n")
    complaint = r"PostgreSQL 9, .*a-new-postgresql-version\.md"
    with pytest.raises(OtherVersion, match=complaint), running_server(folder, echo=silent):
        pass
    assert ["PG_VERSION"] == [file.name for file in cluster.iterdir()]


def test_missing_binaries_raise_a_sentence_with_the_remedy() -> None:
    import onrecord

    services = Path(onrecord.__file__).parents[1]
    script = f"import sys; sys.path.append({str(services)!r})\n"
    script += "from onrecord.kit.postgres.binaries import installed_binaries as i; i()"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1].endswith(
        "BinariesMissing: PostgreSQL's binaries are missing: pip install 'onrecord[embedded]'."
    )
