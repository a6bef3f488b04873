"""Tampering with a log by a superuser who has switched off all guards: verification names it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
import pytest

from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.keys import SigningKey, VerifierKey
from onrecord.kit.tlog.notes import sign_note
from onrecord.verifying.report import CheckName, Fault, VerificationReport
from tests.support import postgres
from tests.support.published_log import LOG_KEY, record, tampering, verify
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import open_store, run_api
from tests.support.tampering import (
    VICTIM,
    Superuser,
    alter_entry,
    alter_section,
    another_coder,
    compute_tree_anew,
    date_back,
    delete_entry,
    duplicate_key,
    insert_entry,
    rewrite,
    swap_entries,
    withhold_section,
)

OTHER_KEY: Final = SigningKey.generate(LOG_KEY.name)


@dataclass(frozen=True)
class Log:
    """A signed log in a database of its own, and its APIs."""

    url: str
    client: httpx2.Client
    folder: Path

    def verify(self, key: VerifierKey | None = LOG_KEY.verifier) -> VerificationReport:
        return verify(self.client, self.folder / "state", key)


@pytest.fixture(scope="module")
def signed_database(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a database with a signed log, which others are copied from."""
    with postgres.database(server_url, template) as url:
        with open_store(url) as store:
            record(store)
        sign_ledger(url, tmp_path_factory.mktemp("signer"), LOG_KEY)
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def log(server_url: str, signed_database: str, tmp_path: Path) -> Iterator[Log]:
    with postgres.database(server_url, signed_database) as url, run_api(url) as client:
        yield Log(url, client, tmp_path)


def sign_anew(log: Log, *keys: SigningKey) -> None:
    with tampering(log.url) as conn:
        compute_tree_anew(conn)
        conn.execute("DELETE FROM signing.checkpoints")
    sign_ledger(log.url, log.folder, *(keys or (LOG_KEY,)))


def faults(report: VerificationReport, check: CheckName) -> list[Fault]:
    return [fault for fault in report.in_order if fault.check == check]


NAMED: Final[list[tuple[Callable[[Superuser], None], CheckName, str]]] = [
    (alter_entry, "hashes", "the entry was altered"),
    (delete_entry, "entries", f"in its place GET /v1/events has entry {VICTIM + 1}"),
    (date_back, "entries", "it is back-dated"),
    (swap_entries, "entries", f"it says that its seq is {VICTIM + 1}"),
    (alter_section, "sections", "section 'content' does not open its commitment"),
    (duplicate_key, "sections", "its line has duplicate keys"),
    (withhold_section, "sections", "section 'content' is withheld"),
]


@pytest.mark.parametrize(("tamper", "check", "message"), NAMED)
def test_a_first_run_names_the_entry_that_was_tampered_with(
    log: Log, tamper: Callable[[Superuser], None], check: CheckName, message: str
) -> None:
    with tampering(log.url) as conn:
        tamper(conn)
    report = log.verify()
    first = report.first_bad_entry
    assert first is not None
    assert (check, VICTIM) == (first.check, first.seq), report.in_order
    assert message in first.message
    assert not log.verify().ok  # what failed is not saved as if it had held


def test_an_inserted_entry_is_named_and_a_first_run_names_the_one_after_it(log: Log) -> None:
    before = log.verify()
    assert before.ok, before.in_order
    with tampering(log.url) as conn:
        insert_entry(conn)
    report = log.verify()
    first = report.first_bad_entry
    assert first is not None
    assert ("consistency", VICTIM) == (first.check, first.seq), report.in_order
    assert "it is not the entry that stood here" in first.message
    numbers = faults(report, "entries")
    assert Fault("entries", VICTIM + 1, f"it says that its seq is {VICTIM}") == numbers[0]


def test_an_entry_altered_with_its_hash_is_named_where_it_was_verified_before(log: Log) -> None:
    assert log.verify().ok
    with tampering(log.url) as conn:
        rewrite(conn, VICTIM, data=another_coder(conn))
    report = log.verify()
    first = report.first_bad_entry
    assert first is not None
    assert ("consistency", VICTIM) == (first.check, first.seq)
    first_run = verify(log.client, log.folder / "another", LOG_KEY.verifier)
    messages = [fault.message for fault in faults(first_run, "hashes")]
    assert ["tile/1/000.p/1 has another hash than entries 0 to 255 give"] == messages[:1]
    assert "is signed: entries were altered" in messages[1]


def test_a_rewrite_signed_with_the_log_s_own_key_is_caught_by_the_saved_checkpoint(
    log: Log,
) -> None:
    assert log.verify().ok
    with tampering(log.url) as conn:
        rewrite(conn, VICTIM, data=another_coder(conn))
    sign_anew(log)
    report = log.verify()
    first = report.first_bad_entry
    assert first is not None
    assert ("consistency", VICTIM) == (first.check, first.seq)
    assert "two roots are signed for size" in faults(report, "consistency")[1].message
    first_run = verify(log.client, log.folder / "another", LOG_KEY.verifier)
    assert first_run.ok
    assert any("no checkpoint of an earlier verification" in notice for notice in first_run.notices)


def test_a_log_that_became_shorter_is_caught_by_the_saved_checkpoint(log: Log) -> None:
    assert log.verify().ok
    with tampering(log.url) as conn:
        conn.execute("DELETE FROM ledger.entries WHERE seq = (SELECT max(seq) FROM ledger.entries)")
        conn.execute(
            "DELETE FROM ledger.commits WHERE size = (SELECT max(size) FROM ledger.commits)"
        )
    sign_anew(log)
    report = log.verify()
    assert "entries were removed" in faults(report, "consistency")[0].message


@pytest.mark.parametrize("saved", [False, True])
def test_a_second_signer_with_another_key_is_refused(log: Log, saved: bool) -> None:
    if saved:
        assert log.verify(None).ok
    sign_anew(log, OTHER_KEY)
    report = log.verify(None if saved else LOG_KEY.verifier)
    (fault,) = faults(report, "signature")
    whose = "of last time" if saved else "given"
    assert fault.message.startswith(f"no key {whose} signed the checkpoint, but {LOG_KEY.name}")


def test_two_signers_who_sign_with_one_key_twice_are_refused(log: Log) -> None:
    with tampering(log.url) as conn:
        conn.execute("UPDATE signing.checkpoints SET note = note || split_part(note, E'\\n\\n', 2)")
    (fault,) = faults(log.verify(), "signature")
    assert "has 2 signatures with one key" in fault.message


@pytest.mark.parametrize("saved", [False, True])
def test_a_checkpoint_of_another_origin_is_refused(log: Log, saved: bool) -> None:
    if saved:
        assert log.verify(None).ok
    other = SigningKey.generate("elsewhere.example.org/log")
    sign_anew(log, other)
    report = log.verify(None if saved else LOG_KEY.verifier)
    messages = [fault.message for fault in faults(report, "signature")]
    expected = f"the checkpoint is of the log {other.name!r}, not of {LOG_KEY.name!r}"
    assert expected in messages


def test_a_checkpoint_whose_text_was_altered_is_refused(log: Log) -> None:
    with tampering(log.url) as conn:
        conn.execute("UPDATE signing.checkpoints SET note = replace(note, size::text, '7')")
    (fault,) = faults(log.verify(), "signature")
    assert f"the signature of {LOG_KEY.name} is not of this text" in fault.message


TILES: Final = {
    "UPDATE ledger.subtrees SET hash = sha256('x') WHERE level = 1": (
        None,
        "tile/1/000.p/1 has another hash than entries 0 to 255 give",
    ),
    f"UPDATE ledger.entries SET leaf_hash = sha256('x') WHERE seq = {VICTIM}": (
        VICTIM,
        "tile/0/000 has another hash of it than its bytes give: the tile was altered,"
        " as the bytes give the signed root",
    ),
}


@pytest.mark.parametrize("sql", TILES, ids=["of subtrees", "of leaves"])
def test_a_tile_that_is_served_altered_is_named(log: Log, sql: str) -> None:
    with tampering(log.url) as conn:
        conn.execute(sql.encode())
    seq, message = TILES[sql]
    assert [Fault("hashes", seq, message)] == log.verify().faults


PROJECTIONS: Final = {
    "UPDATE projections.changes SET stance = 'neutral' WHERE stance = 'mixed'": "stance of ann",
    "UPDATE projections.steps SET summary = 'x' WHERE summary = 'Again.'": "summary of ben",
    "DELETE FROM projections.changes WHERE topic = 'arms' AND actor = 'ben'": "is missing",
}


@pytest.mark.parametrize("sql", PROJECTIONS)
def test_a_row_of_a_projection_that_was_altered_is_named(log: Log, sql: str) -> None:
    with tampering(log.url) as conn:
        conn.execute(sql.encode())
    report = log.verify()
    assert {"positions"} == {fault.check for fault in report.faults}
    assert PROJECTIONS[sql] in "".join(fault.message for fault in report.faults)
    assert report.first_bad_entry is not None


def test_a_checkpoint_signed_by_hand_over_another_root_is_caught(log: Log) -> None:
    size = int(log.client.get("/v1/ledger").json()["size"])
    note = str(sign_note(Checkpoint(LOG_KEY.name, size, bytes(32)).text, [LOG_KEY]))
    with tampering(log.url) as conn:
        conn.execute("UPDATE signing.checkpoints SET note = %s", [note])
    (fault,) = log.verify().faults
    assert fault.message.endswith(f"but {bytes(32).hex()} is signed: entries were altered")
