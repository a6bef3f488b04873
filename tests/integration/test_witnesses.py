"""Clients of witnesses, with witnesses that we script."""

import threading
from base64 import b64decode
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx2

from onrecord.entrypoints.commands.doctor import diagnose_database
from onrecord.kit.sql import db
from onrecord.kit.tlog.checkpoints import parse_checkpoint
from onrecord.kit.tlog.cosignatures import cosignatures
from onrecord.kit.tlog.merkle import is_consistent
from onrecord.kit.tlog.notes import parse_note
from onrecord.kit.tlog.policies import parse_policy
from onrecord.signing.witnesses import MAX_ANSWER_BYTES
from tests.support.processes import until
from tests.support.signing import (
    cosigned_size,
    identity,
    register,
    running_log,
    sign,
    stored_size,
    tamper,
)
from tests.support.store import Store, run_api
from tests.support.witness_keys import WitnessKey, ed25519_witness, ml_dsa_witness
from tests.support.witness_servers import Answer, ScriptedWitness, honest, scripted_witness

ED, ML = ed25519_witness(), ml_dsa_witness()


def line(name: str, key: WitnessKey, url: str) -> str:
    return f"witness {name} {key.verifier} {url}\n"


def test_cosignatures_of_both_types_are_kept_and_served(store: Store, tmp_path: Path) -> None:
    log = identity(tmp_path)
    with scripted_witness(honest(ED)) as first, scripted_witness(honest(ML)) as second:
        policy = line("ed", ED, first.url) + line("ml", ML, second.url)
        policy += "group both all ed ml\nquorum both\n"
        register(store, 3)
        with running_log(store, log, policy):
            until(lambda: cosigned_size(store, ED.verifier) == 3, "the first cosigned")
            register(store, 2)
            until(lambda: cosigned_size(store, ED.verifier) == 5, "the first cosigned again")
            until(lambda: cosigned_size(store, ML.verifier) == 5, "the second cosigned")
    for witness in (first, second):
        sizes = [int(body.split("\n")[0].removeprefix("old ")) for body in witness.requests]
        assert sizes == [0, 3]
    # the proof in the second request leads from the first checkpoint to the second
    notes = [parse_note(body.partition("\n\n")[2]) for body in first.requests]
    old, new = (parse_checkpoint(note) for note in notes)
    proof = parse_hashes(first.requests[1])
    assert is_consistent(old.size, old.root, new.size, new.root, proof)
    (tmp_path / "log.policy").write_text(policy)
    with run_api(store.url, log_policy=tmp_path / "log.policy") as client:
        served = parse_note(client.get("/log/checkpoint").text)
        keys = [ED.verifier, ML.verifier]
        assert keys == [found.key for found in cosignatures(served, keys)]
        served_policy = parse_policy(client.get("/log/log.policy").content)
        assert 5 == served_policy.check(served).checkpoint.size
        metrics = client.get("/metrics").text
    assert "onrecord_log_signed_size 5.0" in metrics
    for key in keys:
        assert f'onrecord_log_witnessed_size{{witness="{key.name}"}} 5.0' in metrics


def was_asked(witness: ScriptedWitness) -> bool:
    return bool(witness.requests)


def parse_hashes(body: str) -> list[bytes]:
    return [b64decode(hash_) for hash_ in body.partition("\n\n")[0].split("\n")[1:]]


def test_two_keys_at_one_address_are_asked_once(store: Store, tmp_path: Path) -> None:
    with scripted_witness(honest(ED, ML, ed25519_witness("stranger.example"))) as witness:
        policy = line("ed", ED, witness.url) + line("ml", ML, f"{witness.url}/") + "quorum ml\n"
        register(store)
        with running_log(store, identity(tmp_path), policy):
            until(lambda: cosigned_size(store, ML.verifier) == 1, "both keys cosigned")
        assert 1 == cosigned_size(store, ED.verifier)
        assert 1 == len(witness.requests)
    with db.connect(store.url, role="onrecord_signer") as conn:
        assert [(2,)] == conn.execute("SELECT count(*) FROM signing.cosignatures").fetchall()


def test_a_witness_names_the_size_that_it_knows(store: Store, tmp_path: Path) -> None:
    def answer(body: str) -> Answer:
        return honest(ED)(body) if body.startswith("old 2\n") else (409, b"2\n")

    register(store, 2)
    sign(store, identity(tmp_path))
    register(store)
    with scripted_witness(answer) as witness:
        policy = line("ed", ED, witness.url) + "quorum ed\n"
        with running_log(store, identity(tmp_path), policy):
            until(lambda: cosigned_size(store, ED.verifier) == 3, "it cosigned")
        olds = [body.split("\n")[0] for body in witness.requests]
    assert ["old 0", "old 2"] == olds[:2]


def test_bad_witnesses_stop_neither_the_log_nor_the_others(store: Store, tmp_path: Path) -> None:
    release = threading.Event()

    def forged(body: str) -> Answer:
        other = body.replace("record.example.org/log\n", "other.example/log\n", 1)
        return honest(liar)(other)

    def hanging(_: str) -> Answer:
        release.wait(120)
        return 200, b""

    liar = ed25519_witness("liar.example")
    bad = {
        "empty": lambda _: (200, b""),
        "noise": lambda _: (200, b"nothing\n"),
        "long": lambda _: (200, b"x" * (MAX_ANSWER_BYTES + 1)),
        "moved": lambda _: (301, b""),
        "forbids": lambda _: (403, b"no"),
        "unknown": lambda _: (404, b""),
        "ahead": lambda _: (409, b"1000000\n"),
        "negative": lambda _: (409, b"-1\n"),
        "stale": lambda _: (409, b"0\n"),
        "fork": lambda _: (422, b""),
        "broken": lambda _: (500, b"\xff"),
        "hangs": hanging,
    }
    with ExitStack() as stack:
        witnesses: list[ScriptedWitness] = []
        policy = ""
        for name, answer in bad.items():
            witnesses.append(stack.enter_context(scripted_witness(answer)))
            key = ed25519_witness(f"{name}.example")
            policy += line(name, key, witnesses[-1].url)
        forger = stack.enter_context(scripted_witness(forged))
        honest_one = stack.enter_context(scripted_witness(honest(ED)))
        policy += line("liar", liar, forger.url) + line("away", ML, "http://127.0.0.1:9")
        policy += line("ed", ED, honest_one.url) + "quorum ed\n"
        register(store)
        with running_log(store, identity(tmp_path), policy):
            until(lambda: cosigned_size(store, ED.verifier) == 1, "the honest one cosigned")
            for witness in (*witnesses, forger):
                until(partial(was_asked, witness), "each was asked")
            register(store)
            until(lambda: stored_size(store) == 2, "the log goes on")
            until(lambda: cosigned_size(store, ED.verifier) == 2, "the honest one goes on")
            release.set()
        refusing = [witnesses[list(bad).index(name)] for name in ("forbids", "unknown", "fork")]
        assert [1, 1, 1] == [len(witness.requests) for witness in refusing]  # not asked at once
    with db.connect(store.url, role="onrecord_signer") as conn:
        rows = conn.execute("SELECT DISTINCT key FROM signing.cosignatures").fetchall()
    assert [(ED.verifier.name_and_id,)] == rows


# Overdue checkpoints


def test_overdue_checkpoints_are_reported_where_the_log_has_been_signed(
    client: httpx2.Client, store: Store, tmp_path: Path
) -> None:
    def log_check() -> tuple[bool, str]:
        check = client.get("/readyz").json()["checks"]["log"]
        return check["ok"], check["detail"]

    past = "UPDATE ledger.commits SET recorded_at = recorded_at - interval '1 minute'"
    assert (True, "nothing to sign yet") == log_check()
    register(store)
    tamper(store, past)
    ok, detail = log_check()
    assert ok, "a record without a signer is ready"
    assert detail.startswith("no checkpoint is signed yet: start the signer")
    sign(store, identity(tmp_path))
    assert (True, "signed at size 1") == log_check()
    register(store)
    assert (True, "signed at size 1") == log_check()
    tamper(store, past)
    ok, detail = log_check()
    assert not ok
    assert detail.startswith("signed at size 1; the next event has waited for 6")
    (diagnosis,) = (found for found in diagnose_database(store.url) if found.subject == "log")
    assert not diagnosis.healthy
    assert "ops/runbooks/the-signer-refuses.md" in diagnosis.remedy
