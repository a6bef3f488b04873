"""Proofs of a statement's event that were given before its erasure verify after it, as new ones."""

from pathlib import Path

import httpx2
import rfc8785

from onrecord.kit.tlog.checkpoints import parse_checkpoint
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.merkle import leaf_hash, root_from_inclusion
from onrecord.kit.tlog.proofs import parse_proof
from tests.support import bodies
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import Store


def entry_bytes(client: httpx2.Client, event: str) -> bytes:
    return rfc8785.dumps(bodies.get(client, f"/v1/events/{event}")["entry"])


def proved_size(text: str, entry: bytes, key: SigningKey) -> int:
    """The size of the signed checkpoint under which a proof shows the entry."""
    proof = parse_proof(text)
    assert [key.verifier] == proof.checkpoint.signed_by([key.verifier])
    checkpoint = parse_checkpoint(proof.checkpoint)
    root = root_from_inclusion(leaf_hash(entry), proof.index, checkpoint.size, proof.hashes)
    assert checkpoint.root == root
    return checkpoint.size


def test_proofs_of_before_and_after_an_erasure_verify(
    client: httpx2.Client, store: Store, tmp_path: Path
) -> None:
    key = SigningKey.generate("record.example.org/log")
    bodies.register_all(client)
    made = bodies.post(client, "/v1/statements", bodies.FULL_STATEMENT)
    entry = entry_bytes(client, made["event"])
    sign_ledger(store.url, tmp_path, key)
    given = client.get(f"/v1/events/{made['event']}/proof").text

    sections = ["content", "evidence", "venue", "roles", "note"]
    erasure = {"sections": sections, "ground": "gdpr-17"}
    erased = bodies.post(client, f"/v1/statements/{made['id']}/erasure", erasure)
    sign_ledger(store.url, tmp_path, key)
    after = bodies.get(client, f"/v1/events/{made['event']}")
    assert ({}, dict.fromkeys(sections, "gdpr-17")) == (after["payload"], after["erased"])
    assert entry == entry_bytes(client, made["event"])
    assert made["size"] == proved_size(given, entry, key)
    for event in (made["event"], erased["event"]):
        proof = client.get(f"/v1/events/{event}/proof").text
        assert erased["size"] == proved_size(proof, entry_bytes(client, event), key)
