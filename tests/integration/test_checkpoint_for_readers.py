"""The checkpoint that readers get: one that the quorum cosigned, and never a shorter one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from onrecord.kit.tlog.checkpoints import parse_checkpoint
from onrecord.kit.tlog.cosignatures import cosignatures
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.notes import parse_note
from onrecord.kit.tlog.proofs import parse_proof
from onrecord.signing.key_file import read_keys
from tests.support.signing import cosign, identity, register, sign, tamper
from tests.support.store import Store, run_api
from tests.support.witness_keys import ed25519_witness

ED: Final = ed25519_witness()
OTHER_LOG: Final = SigningKey.generate("other.example/log").verifier
AGO: Final = "UPDATE signing.checkpoints SET signed_at = signed_at - interval '2 minutes'"


def policy_line(url: str) -> str:
    return f"witness ed {ED.verifier} {url}\n"


@pytest.fixture
def witnessed(store: Store, tmp_path: Path) -> Iterator[httpx2.Client]:
    """An API whose policy asks for one witness."""
    (tmp_path / "log.policy").write_text(policy_line("http://127.0.0.1:9") + "quorum ed\n")
    with run_api(store.url, log_policy=tmp_path / "log.policy") as client:
        yield client


def size_for_readers(client: httpx2.Client) -> int:
    answer = client.get("/log/checkpoint")
    assert answer.status_code == 200, answer.text
    return parse_checkpoint(parse_note(answer.text)).size


def test_readers_get_the_newest_checkpoint_that_a_quorum_cosigned(
    store: Store, tmp_path: Path, witnessed: httpx2.Client
) -> None:
    log = identity(tmp_path)
    register(store)
    sign(store, log)
    assert 1 == size_for_readers(witnessed)  # nobody has cosigned yet
    cosign(store, ED, 1)
    register(store)
    sign(store, log)
    assert 1 == size_for_readers(witnessed)
    cosign(store, ED, 2)
    assert 2 == size_for_readers(witnessed)
    register(store)
    sign(store, log)
    assert 2 == size_for_readers(witnessed)
    # the witness stays away
    tamper(store, AGO)
    assert 3 == size_for_readers(witnessed)


def test_the_checkpoint_for_readers_never_gets_shorter_when_a_witness_is_back(
    store: Store, tmp_path: Path, witnessed: httpx2.Client
) -> None:
    log = identity(tmp_path)
    for _ in range(2):
        register(store)
        sign(store, log)
    cosign(store, ED, 1)
    tamper(store, AGO)  # the witness has been away for longer than readers wait
    for _ in range(2):
        register(store)
        sign(store, log)
    assert 4 == size_for_readers(witnessed)
    cosign(store, ED, 3)  # it is back, and was asked before the fourth was signed
    assert 4 == size_for_readers(witnessed)
    register(store)
    sign(store, log)
    assert 4 == size_for_readers(witnessed)
    cosign(store, ED, 5)
    register(store)
    sign(store, log)
    assert 5 == size_for_readers(witnessed)  # by the quorum again


def test_a_proof_waits_for_the_quorum_and_does_without_where_none_comes(
    store: Store, tmp_path: Path, witnessed: httpx2.Client
) -> None:
    log = identity(tmp_path)
    register(store)
    sign(store, log)
    cosign(store, ED, 1)
    register(store)
    sign(store, log)
    first, second = (event.id for event in store.events())
    proof = parse_proof(witnessed.get(f"/v1/events/{first}/proof").text)
    assert 1 == parse_checkpoint(proof.checkpoint).size
    proof = parse_proof(witnessed.get(f"/v1/events/{second}/proof").text)
    assert 2 == parse_checkpoint(proof.checkpoint).size
    assert [] == cosignatures(proof.checkpoint, [ED.verifier])
    cosign(store, ED, 2)
    proof = parse_proof(witnessed.get(f"/v1/events/{second}/proof").text)
    assert [ED.verifier] == [found.key for found in cosignatures(proof.checkpoint, [ED.verifier])]


def test_the_served_policy_has_the_keys_that_sign_and_the_operators_witnesses(
    store: Store, tmp_path: Path
) -> None:
    log = identity(tmp_path)
    register(store)
    sign(store, log)
    (key,) = read_keys(log.key_file)
    operators = f"# Ours.\nlog {OTHER_LOG}\n" + policy_line("https://w.example") + "quorum ed\n"
    (tmp_path / "log.policy").write_text(operators)
    with run_api(store.url, log_policy=tmp_path / "log.policy") as client:
        text = client.get("/log/log.policy").text
    own = f"log {key.verifier} https://record.example.org/log\n# Ours.\n"
    assert own + policy_line("https://w.example") + "quorum ed\n" == text
