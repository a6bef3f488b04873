"""Does everything run from one command, and end with it?"""

import signal
import socket
from collections.abc import Iterator

import pytest

from onrecord.kit.postgres import embedded
from onrecord.kit.sql import db
from onrecord.kit.sql.migrations import data_folder
from tests.support.commands import User, all_gone, tree, user
from tests.support.processes import until

SEEDS = str(data_folder("seeds"))


@pytest.fixture
def somebody() -> Iterator[User]:
    with user() as made:
        yield made


@pytest.fixture(scope="module")
def at_work() -> Iterator[User]:
    """Somebody whose `up` runs: for tests that leave it as they found it."""
    with user() as made, made.up():
        yield made


def test_ctrl_c_ends_every_process_within_ten_seconds(somebody: User) -> None:
    with somebody.up() as process:
        everything = tree(process)
        assert len(everything) > 8  # API, worker with its pool, beat, and PostgreSQL's own
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(10)
        until(lambda: all_gone(everything), "all processes are gone", seconds=1)


@pytest.mark.parametrize("line", ["Starting PostgreSQL", "Bringing the schema", "Starting API"])
def test_ctrl_c_while_it_starts_ends_everything_too(somebody: User, line: str) -> None:
    process = somebody.start("up")
    assert process.stdout
    while line not in process.stdout.readline():
        assert process.poll() is None
    everything = tree(process)
    process.send_signal(signal.SIGINT)
    assert 130 == process.wait(10)
    until(lambda: all_gone(everything), "all processes are gone", seconds=1)


def test_a_killed_up_takes_everything_along_and_the_next_one_finds_the_data(
    somebody: User,
) -> None:
    with somebody.up() as process:
        somebody.run("import", SEEDS)
        everything = tree(process)
        process.kill()
        until(lambda: all_gone(everything), "all processes are gone", seconds=15)
    with somebody.up():
        assert somebody.get("/v1/actors/biden").status_code == 200


def test_a_child_that_is_killed_is_started_again(somebody: User) -> None:
    with somebody.up() as process:
        worker = next(one for one in tree(process) if one.cmdline()[-1].endswith(".worker"))
        for one in [*worker.children(recursive=True), worker]:
            one.kill()
        until(lambda: not worker.is_running(), "the worker is dead")
        assert somebody.run("import", SEEDS)[0] == 0
        until(
            lambda: somebody.get("/v1/actors/biden").status_code == 200, "a new worker has folded"
        )


def test_a_second_up_on_the_same_folder_is_refused_with_the_reason(at_work: User) -> None:
    code, printed = at_work.run("up", "--port", str(at_work.port + 1))
    assert code == 3
    assert "already runs the database" in printed


def test_a_port_that_is_taken_is_named_with_the_way_out(somebody: User) -> None:
    with socket.create_server(("127.0.0.1", somebody.port)):
        code, printed = somebody.run("up")
    assert code == 3
    assert str(somebody.port) in printed
    assert "--port" in printed


def test_replay_finds_a_row_that_the_ledger_does_not_give_and_rebuild_mends_it(
    at_work: User,
) -> None:
    at_work.run("import", SEEDS)
    until(lambda: at_work.run("replay")[0] == 0, "the projections have caught up")
    url = embedded.url_of_running_server(at_work.folder / ".onrecord")
    assert url
    with db.connect(url) as conn:
        changed = conn.execute(
            "UPDATE projections.steps SET stance = 'mixed' WHERE actor = 'biden'"
            " AND topic = 'talks-with-putin' AND effective = '2022-10-11'"
        ).rowcount
    assert changed == 1
    code, printed = at_work.run("replay")
    assert code == 1
    assert "'mixed'" in printed
    assert "'conditional_oppose'" in printed
    assert at_work.run("rebuild", "positions")[0] == 0
    assert at_work.run("replay")[0] == 0


def test_processes_run_in_the_roles_of_their_rooms(at_work: User) -> None:
    url = embedded.url_of_running_server(at_work.folder / ".onrecord")
    assert url
    with db.connect(url) as conn:
        found = conn.execute(
            "SELECT DISTINCT application_name FROM pg_stat_activity"
            " WHERE application_name LIKE 'onrecord_%'"
        ).fetchall()
    names = {name for (name,) in found}
    assert {"onrecord_ingest", "onrecord_query", "onrecord_audit"} <= names


def test_it_runs_in_a_folder_with_a_space_and_quotes_in_its_name(somebody: User) -> None:
    somebody.folder = somebody.folder / "it's a folder"
    somebody.folder.mkdir(mode=0o755)
    with somebody.up():
        assert 0 == somebody.run("import", SEEDS)[0]
        until(lambda: somebody.get("/v1/actors/biden").status_code == 200, "it is folded")


def test_up_ends_with_the_reason_when_its_database_dies_while_it_starts(somebody: User) -> None:
    process = somebody.start("up")
    assert process.stdout
    while "Starting API" not in process.stdout.readline():
        assert process.poll() is None
    next(one for one in tree(process) if one.name() == "postgres").kill()
    printed, _ = process.communicate(timeout=30)
    assert 3 == process.returncode
    assert "PostgreSQL ended" in printed


def test_up_ends_with_the_reason_when_its_database_dies(somebody: User) -> None:
    with somebody.up() as process:
        server = next(one for one in tree(process) if one.name() == "postgres")
        server.kill()
        printed, _ = process.communicate(timeout=30)
    assert 3 == process.returncode
    assert "PostgreSQL ended" in printed
