"""Does an import that was cut go on where it was, and only where that is still true?"""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Client

from onrecord.importing import resume, run
from onrecord.importing.run import Unreadable
from onrecord.kit.sql import db
from tests.support import postgres
from tests.support.bodies import actor, ledger_size, line, ndjson, register_all, send, topic
from tests.support.committing import STALL, lock_held, waiting
from tests.support.imports import imported, printed, quiet, said, sums, write
from tests.support.processes import until
from tests.support.record import Record, record, serving


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


@pytest.fixture(scope="module")
def client(on_record: Record) -> Iterator[Client]:
    with serving(on_record.url) as made:
        register_all(made)
        yield made


@pytest.fixture
def alone(database_url: str) -> Iterator[tuple[Record, Client]]:
    """A record of its own, on which the server of no other test is still at what was cut there."""
    with record(database_url) as made, serving(made.url) as client:
        register_all(client)
        yield made, client


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def notes(data: Path) -> list[Path]:
    return list((data / "imports").glob("*.json"))


def command(data: Path, address: str, path: Path, *more: str) -> "subprocess.Popen[str]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ONRECORD_")}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "onrecord.entrypoints.cli", "import", str(path)),
            *("--url", address, "--data", str(data), *more),
        ],
        env=kept,
        # a test run in the background hands on that Ctrl-C is ignored
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def stalled_after_a_portion(url: str) -> Iterator[Callable[[], bool]]:
    """No commit comes through of what follows the next portion, for as long as this goes on.

    What is handed over says whether one waits, which is when the portion before it is noted.
    """
    with db.connect(url) as conn:
        conn.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$"
            f" BEGIN PERFORM pg_advisory_xact_lock_shared({STALL}); RETURN NULL; END $$"
        )
        conn.execute(
            "CREATE TRIGGER wait AFTER INSERT ON ledger.commits FOR EACH ROW"
            f" WHEN (NEW.size > {ledger_size(url) + run.AT_ONCE}) EXECUTE FUNCTION wait()"
        )
        try:
            with lock_held(url, STALL) as lock:
                yield lambda: waiting(lock.conn, STALL) == 1
        finally:
            conn.execute("DROP FUNCTION wait CASCADE")


def test_an_import_that_is_killed_goes_on_and_records_every_line_once(
    alone: tuple[Record, Client], tmp_path: Path, data: Path
) -> None:
    on_record, client = alone
    count, before, address = 6_000, ledger_size(on_record.url), str(client.base_url)
    lines: Iterable[Any] = [*said(tmp_path, 0, 10), "{", *said(tmp_path, 10, count - 10)]
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(ndjson(lines)))
    with stalled_after_a_portion(on_record.url) as stalled:
        first = command(data, address, path)
        until(stalled, "the second portion is at its commit")
        first.kill()
        told, _ = first.communicate()
    assert f"{path}:11: 400 " in told
    (note,) = notes(data)
    assert run.AT_ONCE == json.loads(note.read_text())["last"]
    again = command(data, address, path)
    printed, _ = again.communicate(timeout=60)
    assert 1 == again.returncode, printed
    assert f"{path}: going on after line 2,000" in printed
    assert "1,999 skipped as recorded by the import that was cut, which refused 1" in printed
    assert before + count == ledger_size(on_record.url)
    assert [] == notes(data)


def test_ctrl_c_says_how_far_it_came(
    alone: tuple[Record, Client], tmp_path: Path, data: Path
) -> None:
    on_record, client = alone
    path = write(tmp_path / "a.ndjson", *said(tmp_path, 0, 6_000))
    with stalled_after_a_portion(on_record.url) as stalled:
        process = command(data, str(client.base_url), path)
        until(stalled, "the second portion is at its commit")
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=30)
    assert 130 == process.returncode, printed
    assert f"So far up to line 2,000 of {path}: 2,000 recorded" in printed
    assert "goes on from there" in printed
    tally, _ = imported(client, path, data)
    assert (2_000, 0) == (tally.skipped, tally.refused)
    assert 4_000 == tally.new + tally.repeated


def cut(client: Client, path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Import, ten lines a portion, until the file breaks off; its end comes back afterwards."""
    monkeypatch.setattr(run, "AT_ONCE", 10)
    console = quiet()
    with pytest.raises(Unreadable):
        run.import_files([path], address=str(client.base_url), console=console, data=data)
    return printed(console)


def test_a_file_that_was_done_is_passed_over_when_the_next_one_was_cut(
    on_record: Record, client: Client, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    done = write(folder / "1.ndjson", *said(tmp_path, 0, 25))
    packed = gzip.compress(ndjson(said(tmp_path, 25, 25)))
    broken = folder / "2.ndjson.gz"
    broken.write_bytes(packed[:-4])
    monkeypatch.setattr(run, "AT_ONCE", 10)
    with pytest.raises(Unreadable):
        imported(client, folder, data)
    assert 2 == len(notes(data))
    broken.write_bytes(packed)
    tally, told = imported(client, folder, data)
    assert f"{done}: going on after line 25" in told
    assert str(broken) not in told, "it is another file now"
    assert (25, 0, 25, 0) == (tally.skipped, tally.new, tally.repeated, tally.refused)
    assert [] == notes(data)


@pytest.mark.parametrize("knows_the_names", [False, True])
def test_another_database_behind_the_same_address_gets_every_line(
    server_url: str,
    template: str,
    tmp_path: Path,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    knows_the_names: bool,
) -> None:
    """Where it knows the names, the line that is asked for is recorded by asking, and counted."""
    path = tmp_path / "a.ndjson.gz"
    makes = [line("actor", "emma", actor()), line("topic", "talks", topic())]
    statements = said(tmp_path, 0, 30)
    path.write_bytes(
        gzip.compress(ndjson(statements if knows_the_names else makes + statements))[:-4]
    )
    for turn in range(2):
        with postgres.database(server_url, template) as url, serving(url) as client:
            if knows_the_names:
                send(client, ndjson(makes))
            for note in notes(data):  # as of one door: each of these has a port of its own
                note.replace(resume.place(data, str(client.base_url), path))
            told = cut(client, path, data, monkeypatch)
            assert (turn == 1) == ("starting at the first line" in told), told
            recorded = 30 if knows_the_names else 32
            assert f"{recorded} recorded, 0 on record before, 0 refused" in told
            assert 32 == ledger_size(url)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.write_text("{"),
        lambda note: note.write_text("{}"),
        lambda note: note.unlink(),
        lambda note: note.write_text(note.read_text().replace('"size":', '"size":1')),
    ],
)
def test_a_note_that_cannot_be_gone_by_costs_nothing_but_time(
    client: Client,
    tmp_path: Path,
    data: Path,
    spoil: Callable[[Path], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(ndjson(said(tmp_path, 0, 30)))[:-4])
    cut(client, path, data, monkeypatch)
    (note,) = notes(data)
    spoil(note)
    told = cut(client, path, data, monkeypatch)
    assert f"So far up to line 30 of {path}: 0 recorded, 30 on record before" in told


def test_a_folder_that_takes_no_note_does_not_stop_an_import(
    client: Client, tmp_path: Path, data: Path
) -> None:
    data.write_text("A file stands where the folder should be.")
    path = write(tmp_path / "a.ndjson", *said(tmp_path, 0, 3))
    tally, told = imported(client, path, data)
    assert (3, 0, 0) == sums(tally)
    assert "No note" in told
