"""Does our own PostgreSQL keep its data at any path, have one holder, and say what is wrong?"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from onrecord.kit.postgres.embedded import address_of, running
from onrecord.kit.postgres.home import AlreadyHeld, existing_home
from onrecord.kit.postgres.server import DidNotStart
from onrecord.kit.sql.db import conninfo
from tests.support.clusters import ask, holder, hush, reachable_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as root:
        yield root


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A data folder for tests that leave it as they found it: an initdb takes its time."""
    with reachable_folder() as root:
        yield root


def test_what_was_written_is_there_after_a_restart(folder: Path) -> None:
    data = folder / "data"
    with running(data, say=hush) as server:
        ask(server.url, "CREATE TABLE kept AS SELECT 42 AS n")
        first = server.process
    assert first.poll() == 0
    assert address_of(data) is None
    with running(data, say=hush) as server:
        assert ask(server.url, "SELECT n FROM kept") == [(42,)]


def test_psycopg_sqlalchemy_and_the_keyvalue_form_find_the_same_server(shared: Path) -> None:
    question = "SELECT current_user::text, current_database()::text, pg_postmaster_start_time()"
    with running(shared, say=hush) as server:
        answer = ask(server.url, question)
        assert ask(conninfo(server.url), question) == answer
        engine = sqlalchemy.create_engine(server.url)
        with engine.connect() as connection:
            assert [tuple(row) for row in connection.execute(sqlalchemy.text(question))] == answer
        engine.dispose()
    assert answer[0][:2] == ("onrecord", "onrecord")


def test_the_settings_are_the_promised_ones(shared: Path) -> None:
    names = ("fsync", "jit", "timezone", "max_connections", "data_checksums", "server_encoding")
    with running(shared, say=hush) as server:
        found = [ask(server.url, f"SHOW {name}")[0][0] for name in names]
        locale = ask(server.url, "SELECT datlocprovider::text, datlocale FROM pg_database LIMIT 1")
        [(version,)] = ask(server.url, "SHOW server_version_num")
        # SHOW answers text
        assert version >= "180000"  # type: ignore[operator]
    assert found == ["on", "off", "UTC", "100", "on", "UTF8"]
    assert locale == [("b", "C.UTF-8")]


def test_a_second_holder_is_refused_and_told_who_holds_it(shared: Path) -> None:
    with running(shared, say=hush) as server:
        with (
            pytest.raises(AlreadyHeld, match=f"Process {os.getpid()} already runs"),
            running(shared, say=hush),
        ):
            pass
        assert ask(server.url, "SELECT 1") == [(1,)]


def test_a_reader_finds_the_server_that_another_process_holds(shared: Path) -> None:
    assert address_of(shared) is None
    with holder(shared) as (_, said):
        url = address_of(shared)
        assert url == said[-1].split()[2]
        assert ask(url, "SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "name", ["with a space", "Überlieferung 記録", 'it\'s "50%" [a:b]\\c', "a,b", "long/" * 40]
)
def test_any_path_will_do(folder: Path, name: str) -> None:
    said: list[str] = []
    with running(folder / name, say=said.append) as server:
        assert ask(server.url, "SELECT 1") == [(1,)]
        assert ask(conninfo(server.url), "SELECT 1") == [(1,)]
        assert address_of(folder / name) == server.url
        [(socket,)] = ask(server.url, "SHOW unix_socket_directories")
        where = Path(str(socket).strip('"').replace('""', '"'))
        assert where.stat().st_mode & 0o777 == 0o700
    elsewhere = not where.is_relative_to(folder)
    assert elsewhere == (bool(set(name) & set(",' \\")) or name.startswith("long"))
    assert [str(where) in sentence for sentence in said] == [True] * elsewhere
    if elsewhere:
        where.rmdir()


def test_a_failed_start_says_where_the_log_is_and_how_it_ends(folder: Path) -> None:
    with running(folder, say=hush):
        pass
    (existing_home(folder) / "cluster" / "PG_VERSION").write_text("9.1\n")
    complaint = r"server\.log ends with:(\n.*)*not compatible"
    with pytest.raises(DidNotStart, match=complaint), running(folder, say=hush):
        pass


def test_missing_binaries_are_one_sentence_with_the_remedy() -> None:
    import onrecord

    services = Path(onrecord.__file__).parents[1]
    script = f"import sys; sys.path.append({str(services)!r})\n"
    script += "from onrecord.kit.postgres_binaries import installed_binaries as i; i()"
    asked = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True
    )
    assert asked.stderr.splitlines()[-1].endswith(
        "BinariesMissing: PostgreSQL's binaries are missing: pip install 'onrecord[embedded]'."
    )
