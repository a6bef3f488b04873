"""Files of the log: a lost one, a rotation that the database missed, a policy that is none."""

from pathlib import Path

import pytest

from onrecord.entrypoints.app_factory import create_app
from onrecord.kit.settings import BadSettings, Settings
from onrecord.signing.continuity import SigningRefused
from onrecord.signing.kept_checkpoint import read_kept
from onrecord.signing.key_file import add_key, drop_older_keys
from tests.support.ledgers import seed_ledger
from tests.support.signing import identity, register, sign, stored_note, tamper
from tests.support.store import Store


def test_a_lost_checkpoint_file_stops_the_signer(store: Store, tmp_path: Path) -> None:
    """The database agrees with itself, also where it was restored to an earlier state."""
    log = identity(tmp_path)
    seed_ledger(store)
    sign(store, log)
    log.kept.unlink()
    with pytest.raises(SigningRefused, match="is missing, which holds the last checkpoint"):
        sign(store, log)


def test_a_new_key_goes_on_whose_first_checkpoint_did_not_reach_the_database(
    store: Store, tmp_path: Path
) -> None:
    """As after a rotation that was finished while the database was away."""
    log = identity(tmp_path)
    seed_ledger(store)
    sign(store, log)
    new = add_key(log.key_file)[0]
    register(store)
    sign(store, log)
    tamper(store, "DELETE FROM signing.checkpoints WHERE size = 7")
    tamper(store, f"DELETE FROM signing.keys WHERE vkey = '{new.verifier}'")
    kept = read_kept(log.kept)
    assert kept
    drop_older_keys(log.key_file, kept.note)
    sign(store, log)
    note = stored_note(store)
    assert note
    assert [new.verifier] == note.signed_by([new.verifier])


def test_a_bad_policy_stops_the_api_that_serves_the_log_and_no_other(tmp_path: Path) -> None:
    policy = tmp_path / "log.policy"
    policy.write_text("quorum nobody\n")
    settings = Settings(database_url="postgresql://", broker_url="memory://", log_policy=policy)
    create_app(settings, frozenset({"write", "webhooks"}))
    with pytest.raises(BadSettings, match=r"ONRECORD_LOG_POLICY: .*log\.policy: .*nobody"):
        create_app(settings, frozenset({"read", "audit"}))
