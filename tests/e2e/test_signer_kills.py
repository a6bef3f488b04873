"""The signer as a process: killed between its file and the database, refusing, and begun anew."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from onrecord.entrypoints.signer import REFUSED
from onrecord.signing.kept_checkpoint import CheckpointNote, read_kept
from tests.support.postgres import login_url
from tests.support.processes import FORKED, Forked, run_entrypoint, until
from tests.support.signing import register, restore, stored_note
from tests.support.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"  # made by the signer


def start_signer(store: Store, folder: Path, **settings: str) -> Forked:
    environment = {
        "ONRECORD_DATABASE_URL": login_url(store.url),
        "ONRECORD_BROKER_URL": "amqp://nowhere//",
        "ONRECORD_DATA": str(folder),
        **settings,
    }
    log = folder.with_suffix(".log")
    return Forked(FORKED.Process(target=run_entrypoint, args=("signer", environment, log)))


@contextmanager
def running(store: Store, folder: Path) -> Iterator[Forked]:
    process = start_signer(store, folder)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        process.wait(60)


def kept(folder: Path) -> CheckpointNote | None:
    return read_kept(folder / "checkpoint")


def test_a_signer_that_is_killed_between_its_file_and_the_database_goes_on(
    store: Store, folder: Path
) -> None:
    register(store)
    with psycopg.connect(store.url) as blocker, running(store, folder) as process:
        # reads go on, and the INSERT waits
        blocker.execute("LOCK TABLE signing.checkpoints IN SHARE MODE")
        until(lambda: kept(folder) is not None, "the checkpoint is in the file")
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    ahead = kept(folder)
    assert stored_note(store) is None
    register(store)
    with running(store, folder) as process:
        until(lambda: stored_note(store) is not None, "the next start signs")
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(60)
    now = kept(folder)
    assert ahead
    assert now
    assert (1, 2) == (ahead.checkpoint.size, now.checkpoint.size)
    assert now.note == stored_note(store)
    # that is no licence to be ahead of the ledger
    restore(store, 1)
    with running(store, folder) as process:
        assert REFUSED == process.wait(60)
    log = folder.with_suffix(".log").read_text().splitlines()[-1]
    assert "the ledger has 1 entries, and" in log
    assert "ops/runbooks/the-signer-refuses.md" in log
    assert now == kept(folder)


def test_a_policy_with_a_fault_stops_the_signer_with_its_line(store: Store, folder: Path) -> None:
    policy = folder.with_suffix(".policy")
    policy.write_text("# Ours.\nquorum both\n")
    process = start_signer(store, folder, ONRECORD_LOG_POLICY=str(policy))
    assert REFUSED == process.wait(60)
    assert "line 2: 'both' is no witness or group above" in folder.with_suffix(".log").read_text()


def test_a_new_origin_begins_after_what_the_runbook_says(store: Store, folder: Path) -> None:
    register(store)
    register(store)
    with running(store, folder):
        until(lambda: stored_note(store) is not None, "the old log is signed")
    restore(store, 1)
    for name in ("log.key", "checkpoint"):
        (folder / name).rename(folder / f"{name}.ended")
    script = Path(__file__).parents[2] / "ops" / "postgres" / "new-log-origin.sql"
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute(script.read_bytes())
    origin = "record.example.org/log-2"
    process = start_signer(store, folder, ONRECORD_LOG_ORIGIN=origin)
    try:
        until(lambda: stored_note(store) is not None, "the new log is signed")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    checkpoint = kept(folder)
    assert checkpoint
    assert (origin, 1) == (checkpoint.checkpoint.origin, checkpoint.checkpoint.size)
    with pytest.raises(psycopg.errors.RestrictViolation), psycopg.connect(store.url) as conn:
        conn.execute("TRUNCATE signing.keys CASCADE")  # the triggers are back
