"""The signer: what it signs, and every case in which it must not."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from onrecord.kit.sql import db
from onrecord.kit.tlog.keys import SigningKey, VerifierKey
from onrecord.signing.continuity import SigningRefused
from onrecord.signing.kept_checkpoint import BadKeptCheckpoint, read_kept
from onrecord.signing.key_file import KeyFileRefuses, add_key, drop_older_keys, read_keys
from onrecord.signing.log_identity import identify_log
from onrecord.signing.signer import Signer
from tests.support.ledgers import seed_ledger
from tests.support.postgres import GIVEN
from tests.support.processes import until
from tests.support.signing import (
    identity,
    open_signer,
    register,
    restore,
    running_signer,
    sign,
    stored_note,
    tamper,
)
from tests.support.store import Store


def new_key(origin: str) -> str:
    return SigningKey.generate(origin).secret_text()


def signers_of(store: Store, keys: list[VerifierKey]) -> list[VerifierKey]:
    note = stored_note(store)
    return note.signed_by(keys) if note else []


def test_a_head_is_signed_once_and_kept_outside_the_database(store: Store, tmp_path: Path) -> None:
    log = identity(tmp_path)
    assert sign(store, log) is None  # an empty ledger
    seed_ledger(store)
    signed = sign(store, log)
    assert signed
    assert (6, "record.example.org/log") == (signed.checkpoint.size, signed.checkpoint.origin)
    assert signed.note == stored_note(store)
    kept = read_kept(log.kept)
    assert kept == signed
    keys = [key.verifier for key in read_keys(log.key_file)]
    assert keys == signers_of(store, keys)
    assert sign(store, log) is None
    register(store)
    continued = sign(store, log)
    assert continued
    assert continued.checkpoint.size == 7


def test_a_ledger_that_was_restored_to_an_earlier_size_is_not_signed(
    store: Store, tmp_path: Path
) -> None:
    log = identity(tmp_path)
    seed_ledger(store)
    sign(store, log)
    register(store, 300)
    before = sign(store, log)
    assert before
    restore(store, 6)
    with pytest.raises(SigningRefused, match=r"has 6 entries, and .*checkpoint is signed over 306"):
        sign(store, log)
    # nor once it has grown beyond that size, with other entries
    register(store, 310)
    with pytest.raises(SigningRefused, match="first 306 entries of the ledger have another root"):
        sign(store, log)
    assert before == read_kept(log.kept)


def test_a_ledger_whose_signed_entries_were_altered_is_not_signed(
    store: Store, tmp_path: Path
) -> None:
    log = identity(tmp_path)
    seed_ledger(store)
    sign(store, log)
    register(store)
    tamper(
        store,
        "UPDATE ledger.entries SET entry = entry || ' ',"
        " leaf_hash = sha256('\\x00' || entry || ' ') WHERE seq = 2",
    )
    with pytest.raises(SigningRefused, match="first 6 entries of the ledger have another root"):
        sign(store, log)


def test_a_root_that_does_not_follow_from_the_stored_hashes_is_not_signed(
    store: Store, tmp_path: Path
) -> None:
    log = identity(tmp_path)
    seed_ledger(store)
    with open_signer(store, log) as signer:
        signer.sign_head()
        tamper(store, "UPDATE ledger.commits SET root = sha256('another') WHERE size = 6")
        with pytest.raises(SigningRefused, match="have another root now"):
            signer.sign_head()
        register(store)
        tamper(store, "UPDATE ledger.commits SET root = sha256('another') WHERE size = 7")
        with pytest.raises(SigningRefused, match="stored hashes of the first 7 entries"):
            signer.sign_head()


def test_a_ledger_that_shrinks_under_a_running_signer_is_not_signed(
    store: Store, tmp_path: Path
) -> None:
    log = identity(tmp_path)
    seed_ledger(store)
    with open_signer(store, log) as signer:
        signer.sign_head()
        register(store)
        signer.sign_head()
        restore(store, 6)
        with pytest.raises(SigningRefused, match="shrunk from 7 to 6"):
            signer.sign_head()


def test_a_missing_subtree_is_noticed_at_the_next_signature(store: Store, tmp_path: Path) -> None:
    log = identity(tmp_path)
    register(store, 300)
    with open_signer(store, log) as signer:
        signer.sign_head()
        tamper(store, "DELETE FROM ledger.subtrees")
        register(store)
        with pytest.raises(SigningRefused, match="of level 1, 0 of the 1 hashes from number 0 on"):
            signer.sign_head()
    with pytest.raises(SigningRefused, match="hashes of the ledger's tree are missing"):
        sign(store, log)


def test_a_checkpoint_file_that_is_ahead_of_the_database_is_continued(
    store: Store, tmp_path: Path
) -> None:
    """As after a kill between the two; `test_signer_kills` does it with a process of its own."""
    log = identity(tmp_path)
    seed_ledger(store)
    signed = sign(store, log)
    tamper(store, "DELETE FROM signing.checkpoints")
    assert signed == sign(store, log)
    assert signed
    assert signed.note == stored_note(store)


def test_a_checkpoint_file_with_something_else_in_it_stops_the_signer(
    store: Store, tmp_path: Path
) -> None:
    log = identity(tmp_path)
    seed_ledger(store)
    sign(store, log)
    log.kept.write_text("nothing\n")
    with pytest.raises(BadKeptCheckpoint, match="holds no signed checkpoint"):
        sign(store, log)


def test_one_signs_at_a_time(store: Store, tmp_path: Path) -> None:
    log = identity(tmp_path)
    with open_signer(store, log), db.connect(store.url, role="onrecord_signer") as conn:
        second = Signer(conn, identify_log(conn, log), log.kept)
        assert not second.try_lock()
    with open_signer(store, log):
        pass


# The identity of the log


def test_the_origin_never_changes(store: Store, tmp_path: Path) -> None:
    log = identity(tmp_path)
    seed_ledger(store)
    sign(store, log)
    # the address of the service may change, as long as no setting names another origin
    assert sign(store, identity(tmp_path, origin="elsewhere.example/log")) is None
    assert sign(store, identity(tmp_path, required=log.origin)) is None
    with pytest.raises(SigningRefused, match="ONRECORD_LOG_ORIGIN is elsewhere"):
        sign(store, identity(tmp_path, required="elsewhere.example/log"))
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = identity(other, origin="elsewhere.example/log")
    with pytest.raises(KeyFileRefuses, match="There is no key in"):  # it is not made silently
        sign(store, elsewhere)
    (other / "log.key").write_text(new_key("elsewhere.example/log"))
    (other / "log.key").chmod(0o600)
    with pytest.raises(SigningRefused, match="in the database are of record"):
        sign(store, elsewhere)
    (other / "log.key").write_text(new_key(log.origin))
    with pytest.raises(SigningRefused, match="another log of the same name"):
        sign(store, elsewhere)


def test_both_keys_sign_during_a_rotation_which_a_running_signer_takes_up(
    store: Store, tmp_path: Path
) -> None:
    log = identity(tmp_path)
    register(store)
    with running_signer(store, log) as signed:
        until(lambda: len(signed) == 1, "the first checkpoint is signed")
        with pytest.raises(KeyFileRefuses, match="has one key"):
            drop_older_keys(log.key_file, signed[0].note)
        new, old = (key.verifier for key in add_key(log.key_file))
        with pytest.raises(KeyFileRefuses, match="has not signed yet"):
            drop_older_keys(log.key_file, signed[0].note)

        def is_signed_by(*keys: VerifierKey) -> bool:
            register(store)
            return signers_of(store, [new, old]) == list(keys)

        until(lambda: is_signed_by(new, old), "both keys sign", pause=0.2)
        drop_older_keys(log.key_file, stored_note(store))
        until(lambda: is_signed_by(new), "the new key signs alone", pause=0.2)


# What goes away and comes back


def test_the_signer_goes_on_when_database_and_disk_are_back(store: Store, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    log = identity(tmp_path)
    log = type(log)(log.key_file, tmp_path / "disk" / "checkpoint", log.origin)
    register(store)
    with running_signer(store, log) as signed:
        until(lambda: len(signed) == 1, "the first checkpoint is signed")
        with psycopg.connect(store.url, autocommit=True) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'onrecord_signer' AND datname = current_database()"
            )
        register(store)
        until(lambda: signed[-1].checkpoint.size == 2, "it signs on a new connection")
        (tmp_path / "disk").rename(tmp_path / "away")
        register(store)
        (tmp_path / "away").rename(tmp_path / "disk")
        until(lambda: signed[-1].checkpoint.size == 3, "it signs when the disk is back")
    assert read_kept(log.kept) == signed[-1]


def test_only_what_every_standby_has_flushed_is_signed(
    store: Store, tmp_path: Path, slot: str
) -> None:
    log = identity(tmp_path)
    register(store)
    advance = "SELECT pg_replication_slot_advance(%s, pg_current_wal_flush_lsn())"
    with psycopg.connect(store.url, autocommit=True) as conn, open_signer(store, log) as signer:
        assert signer.sign_head() is None
        register(store)
        conn.execute(advance, [slot])
        first = signer.sign_head()
        assert first
        assert first.checkpoint.size in (1, 2)
        register(store)
        assert signer.sign_head() is None

        def is_signed() -> bool:
            conn.execute(advance, [slot])
            signed = signer.sign_head()
            return signed is not None and signed.checkpoint.size == 3

        until(is_signed, "the head is signed once the standby has it", pause=0.05)


@pytest.fixture
def slot(store: Store) -> Iterator[str]:
    """A replication slot, as a standby has; it belongs to the whole server."""
    if GIVEN:
        pytest.skip("a slot would hold up the signers of other tests on this server")
    name = f"standby_{uuid4().hex[:8]}"
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute("SELECT pg_create_physical_replication_slot(%s, true)", [name])
        yield name
        conn.execute("SELECT pg_drop_replication_slot(%s)", [name])
