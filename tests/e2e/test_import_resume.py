"""Imports that were cut: they resume from their note, and only if it still holds."""

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

from onrecord.client import Client
from onrecord.importing import lines as import_lines
from onrecord.importing.files import UnreadableFile
from onrecord.importing.resume import ResumeNotes
from onrecord.importing.run import import_files
from onrecord.kit.sql import db
from tests.support import postgres
from tests.support.bodies import ledger_size, ndjson, registrations
from tests.support.committing import STALL, lock_held, waiting
from tests.support.imports import (
    counts,
    memory_console,
    printed,
    run_import,
    statement_lines,
    write_lines,
)
from tests.support.keys import TOKEN
from tests.support.processes import until
from tests.support.recording import record, register
from tests.support.store import Store, open_store, run_typed_api


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as database:
        yield database


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_typed_api(store.url) as client:
        register(client)
        yield client


@pytest.fixture
def own_record(database_url: str) -> Iterator[tuple[Store, Client]]:
    """A record for one test, because its API may still work on a batch when the test ends."""
    with open_store(database_url) as database, run_typed_api(database.url) as client:
        register(client)
        yield database, client


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def notes(data: Path) -> list[Path]:
    return list((data / "imports").glob("*.json"))


def start_import(data: Path, address: str, path: Path, *more: str) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ONRECORD_")}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "onrecord.entrypoints.cli", "import", str(path)),
            *("--url", address, "--data", str(data), *more),
        ],
        env={**environment, "ONRECORD_KEY": TOKEN},
        # A shell starts background jobs with SIGINT ignored, which children inherit.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def stalled_after_a_batch(url: str) -> Iterator[Callable[[], bool]]:
    """Block every commit after the next batch, while the `with` lasts.

    The yielded function says whether a commit is blocked; by then the batch before it is noted.
    """
    last_size = ledger_size(url) + import_lines.LINES_PER_BATCH
    with db.connect(url) as conn:
        conn.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$"
            f" BEGIN PERFORM pg_advisory_xact_lock_shared({STALL}); RETURN NULL; END $$"
        )
        conn.execute(
            "CREATE TRIGGER wait AFTER INSERT ON ledger.commits FOR EACH ROW"
            f" WHEN (NEW.size > {last_size}) EXECUTE FUNCTION wait()"
        )
        try:
            with lock_held(url, STALL) as lock:
                yield lambda: waiting(lock.conn, STALL) == 1
        finally:
            conn.execute("DROP FUNCTION wait CASCADE")


def test_killed_import_resumes_and_records_every_line_once(
    own_record: tuple[Store, Client], tmp_path: Path, data: Path
) -> None:
    store, client = own_record
    count, before, address = 6_000, ledger_size(store.url), client.address
    content: Iterable[Any] = [
        *statement_lines(tmp_path, 0, 10),
        "{",
        *statement_lines(tmp_path, 10, count - 10),
    ]
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(ndjson(content)))
    with stalled_after_a_batch(store.url) as stalled:
        first = start_import(data, address, path)
        until(stalled, "the second batch is at its commit")
        first.kill()
        output, _ = first.communicate()
    assert f"{path}:11: 400 " in output
    (note,) = notes(data)
    assert import_lines.LINES_PER_BATCH == json.loads(note.read_text())["last"]
    again = start_import(data, address, path)
    printed, _ = again.communicate(timeout=60)
    assert 1 == again.returncode, printed
    assert f"{path}: going on after line 2,000" in printed
    assert "1,999 skipped as recorded by the import that was cut, which refused 1" in printed
    assert before + count == ledger_size(store.url)
    assert [] == notes(data)


def test_ctrl_c_prints_how_far_the_import_came(
    own_record: tuple[Store, Client], tmp_path: Path, data: Path
) -> None:
    store, client = own_record
    path = write_lines(tmp_path / "a.ndjson", *statement_lines(tmp_path, 0, 6_000))
    with stalled_after_a_batch(store.url) as stalled:
        process = start_import(data, client.address, path)
        until(stalled, "the second batch is at its commit")
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=120)
    assert 130 == process.returncode, printed
    assert f"So far up to line 2,000 of {path}: 2,000 recorded" in printed
    assert "goes on from there" in printed
    summary, _ = run_import(client.address, path, data)
    assert (2_000, 0) == (summary.skipped, summary.refused)
    assert 4_000 == summary.new + summary.repeated


def import_broken_file(
    client: Client, path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Import a truncated file, ten lines a batch; what was printed."""
    monkeypatch.setattr(import_lines, "LINES_PER_BATCH", 10)
    console = memory_console()
    with pytest.raises(UnreadableFile):
        import_files([path], key=TOKEN, address=client.address, console=console, data=data)
    return printed(console)


def test_finished_file_is_skipped_when_the_next_one_was_cut(
    store: Store, client: Client, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    finished = write_lines(folder / "1.ndjson", *statement_lines(tmp_path, 0, 25))
    compressed = gzip.compress(ndjson(statement_lines(tmp_path, 25, 25)))
    broken = folder / "2.ndjson.gz"
    broken.write_bytes(compressed[:-4])
    monkeypatch.setattr(import_lines, "LINES_PER_BATCH", 10)
    with pytest.raises(UnreadableFile):
        run_import(client.address, folder, data)
    assert 2 == len(notes(data))
    broken.write_bytes(compressed)
    summary, output = run_import(client.address, folder, data)
    assert f"{finished}: going on after line 25" in output
    assert str(broken) not in output, "its content has changed"
    assert (25, 0, 25, 0) == (summary.skipped, summary.new, summary.repeated, summary.refused)
    assert [] == notes(data)


@pytest.mark.parametrize("has_the_actors", [False, True])
def test_other_database_behind_the_same_address_gets_every_line(
    server_url: str,
    template: str,
    tmp_path: Path,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_the_actors: bool,
) -> None:
    """With actors and topics, the line that is sent as a proof is recorded, and counted as new."""
    path = tmp_path / "a.ndjson.gz"
    registered = registrations(["emma"], ["talks"])
    statements = statement_lines(tmp_path, 0, 30)
    path.write_bytes(
        gzip.compress(ndjson(statements if has_the_actors else registered + statements))[:-4]
    )
    for turn in range(2):
        with postgres.database(server_url, template) as url, run_typed_api(url) as client:
            if has_the_actors:
                record(client, registered)
            for note in notes(data):  # as if both APIs had one address; their ports differ
                note.replace(ResumeNotes(data, client.address).path_of(path))
            output = import_broken_file(client, path, data, monkeypatch)
            assert (turn == 1) == ("starting at the first line" in output), output
            recorded = 30 if has_the_actors else 32
            assert f"{recorded} recorded, 0 on record before, 0 refused" in output
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
def test_unusable_note_makes_the_import_start_at_the_first_line(
    client: Client,
    tmp_path: Path,
    data: Path,
    spoil: Callable[[Path], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(ndjson(statement_lines(tmp_path, 0, 30)))[:-4])
    import_broken_file(client, path, data, monkeypatch)
    (note,) = notes(data)
    spoil(note)
    output = import_broken_file(client, path, data, monkeypatch)
    assert f"So far up to line 30 of {path}: 0 recorded, 30 on record before" in output


def test_import_works_without_notes_if_the_data_folder_cannot_be_written(
    client: Client, tmp_path: Path, data: Path
) -> None:
    data.write_text("A file stands where the folder should be.")
    path = write_lines(tmp_path / "a.ndjson", *statement_lines(tmp_path, 0, 3))
    summary, output = run_import(client.address, path, data)
    assert (3, 0, 0) == counts(summary)
    assert "No note" in output
