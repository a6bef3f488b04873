"""What a log with its own key can try against `aics-witness`, by another author: all is refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx2
import psycopg
import pytest

from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.cosignatures import cosignatures
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.merkle import consistency_spans, leaf_hash
from onrecord.kit.tlog.notes import Note, parse_note, sign_note
from onrecord.kit.tlog.witness_messages import add_checkpoint_request
from onrecord.ledger.merkle import Frontier
from onrecord.signing.key_file import create_log_key
from onrecord.signing.log_identity import LogIdentity
from tests.support import postgres
from tests.support.processes import until
from tests.support.signing import (
    cosigned_size,
    identity,
    register,
    running_log,
    stored_size,
)
from tests.support.store import Store, open_store
from tests.support.witness_servers import AicsWitness, aics_witness

SIZE = 300
"""Entries at first: one subtree is complete."""


@dataclass(frozen=True)
class WitnessedLog:
    """A log that is being signed and witnessed, and what its operator has."""

    store: Store
    log: LogIdentity
    key: SigningKey
    witness: AicsWitness

    def entries(self) -> list[bytes]:
        with psycopg.connect(self.store.url) as conn:
            rows = conn.execute("SELECT entry FROM ledger.entries ORDER BY seq").fetchall()
        return [entry for (entry,) in rows]

    def sign(self, entries: list[bytes]) -> Note:
        checkpoint = Checkpoint(self.key.name, len(entries), root_of(entries))
        return sign_note(checkpoint.text, [self.key])

    def submit(self, old_size: int, entries: list[bytes]) -> httpx2.Response:
        """Send a signed checkpoint over these entries, with a proof of their own tree."""
        proof = []
        if old_size <= len(entries):
            spans = consistency_spans(old_size, len(entries))
            proof = [root_of(entries[span.start : span.end]) for span in spans]
        body = add_checkpoint_request(old_size, proof, self.sign(entries))
        return httpx2.post(f"{self.witness.url}/add-checkpoint", content=body, timeout=60)

    def wait_until_cosigned(self) -> int:
        """The size of the ledger, once the witness has cosigned all of it."""
        size = len(self.entries())
        until(lambda: stored_size(self.store) == size, "the log is signed")
        until(lambda: cosigned_size(self.store, self.witness.key) == size, "it is cosigned")
        return size

    def served(self) -> Note:
        """What the witness gives to monitors: its last view of the log."""
        origin = sha256(self.key.name.encode()).hexdigest()
        url = f"{self.witness.url}/{origin}/checkpoint"
        return parse_note(httpx2.get(url, timeout=60).text)


def root_of(entries: list[bytes]) -> bytes:
    return Frontier().extended(map(leaf_hash, entries)).root()


@pytest.fixture(scope="module")
def witnessed(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WitnessedLog]:
    """One for all attacks: each finds it in order, and so leaves it."""
    folder = tmp_path_factory.mktemp("log")
    log = identity(folder)
    (key,) = create_log_key(log.key_file, log.origin)
    with (
        aics_witness(tmp_path_factory.mktemp("witness"), key.verifier) as witness,
        postgres.database(server_url, template) as url,
        open_store(url) as store,
    ):
        register(store, SIZE)
        policy = f"witness w {witness.key} {witness.url}\nquorum w\n"
        with running_log(store, log, policy):
            yield WitnessedLog(store, log, key, witness)


def back_dated(entry: bytes) -> bytes:
    """The entry, as if it had been recorded a year earlier."""
    year = int(entry.partition(b'"recorded_at":"')[2][:4])
    changed = entry.replace(b'"recorded_at":"%d' % year, b'"recorded_at":"%d' % (year - 1))
    assert changed != entry
    return changed


ATTACKS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "fork": (lambda entries: [*entries[:-1], b"another", b"more"], 422),
    "back-dating": (
        lambda entries: [*entries[:9], back_dated(entries[9]), *entries[10:], b"m"],
        422,
    ),
    "deletion": (lambda entries: [*entries[:9], *entries[10:], b"more", b"more"], 422),
    "insertion": (lambda entries: [*entries[:9], b"another", *entries[9:]], 422),
    "equal size, another root": (lambda entries: [*entries[:-1], b"another"], 422),
    "rollback": (lambda entries: entries[:-5], 400),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_and_the_log_goes_on(witnessed: WitnessedLog, attack: str) -> None:
    size = witnessed.wait_until_cosigned()
    entries = witnessed.entries()
    forge, status = ATTACKS[attack]
    forged = forge(entries)
    answer = witnessed.submit(size, forged)
    assert status == answer.status_code, answer.text
    # with another old size it only says which one it has cosigned
    for old_size in {0, len(forged) // 2, len(forged)} - {size}:
        stale = witnessed.submit(old_size, forged)
        assert (409, f"{size}\n") == (stale.status_code, stale.text)
    view = witnessed.served()
    assert Checkpoint(witnessed.key.name, size, root_of(entries)) == parse_checkpoint(view)
    assert [witnessed.witness.key] == [
        found.key for found in cosignatures(view, [witnessed.witness.key])
    ]
    register(witnessed.store)
    assert size + 1 == witnessed.wait_until_cosigned()


def test_a_checkpoint_of_a_stranger_is_refused(witnessed: WitnessedLog) -> None:
    size = witnessed.wait_until_cosigned()
    key = SigningKey.generate(witnessed.key.name)
    stranger = WitnessedLog(witnessed.store, witnessed.log, key, witnessed.witness)
    assert 403 == stranger.submit(size, [*witnessed.entries(), b"more"]).status_code
    key = SigningKey.generate("other.example/log")
    stranger = WitnessedLog(witnessed.store, witnessed.log, key, witnessed.witness)
    assert 404 == stranger.submit(0, [b"more"]).status_code


def test_a_record_that_was_written_anew_gets_no_cosignature_and_is_signed_on(
    witnessed: WitnessedLog, store: Store, tmp_path: Path
) -> None:
    """Its operator has the key, an empty database and no kept checkpoint: nothing refuses but
    the witness, and whoever keeps checkpoints.
    """
    size = witnessed.wait_until_cosigned()
    log = LogIdentity(witnessed.log.key_file, tmp_path / "checkpoint", witnessed.key.name)
    key, url = witnessed.witness.key, witnessed.witness.url
    register(store, size + 5)
    with running_log(store, log, f"witness w {key} {url}\nquorum w\n"):
        until(lambda: stored_size(store) == size + 5, "it is signed")
        register(store)
        until(lambda: stored_size(store) == size + 6, "it is signed on")
    assert 0 == cosigned_size(store, key)
    assert size == parse_checkpoint(witnessed.served()).size
