"""The published log: checkpoint, tiles, bundles, policy, and proofs of single events."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from onrecord.audit.tlog import latest_checkpoint
from onrecord.audit.tlog.latest_checkpoint import LatestCheckpoint
from onrecord.kit.sql import db
from onrecord.kit.tlog.checkpoints import parse_checkpoint
from onrecord.kit.tlog.keys import parse_verifier_key
from onrecord.kit.tlog.merkle import leaf_hash, root_from_inclusion
from onrecord.kit.tlog.notes import parse_note
from onrecord.kit.tlog.policies import parse_policy
from onrecord.kit.tlog.proofs import parse_proof
from tests.support import naive_log, postgres, signed_log
from tests.support.histories import request
from tests.support.ledgers import ANN, answers, seed_ledger, statement
from tests.support.signed_ledgers import sign_ledger
from tests.support.signing import register
from tests.support.store import PUBLIC_URL, Store, open_store, run_api

SIZE = 259
"""A full tile, a partial one, and one of level 1."""


@dataclass(frozen=True)
class Log:
    """A signed log; the last entry is not signed yet."""

    store: Store
    client: httpx2.Client
    entries: list[bytes]
    ids: list[UUID]
    folder: Path

    def get(self, path: str, status: int = 200) -> httpx2.Response:
        response = self.client.get(path)
        assert status == response.status_code, response.text
        return response


def read_entries(url: str) -> tuple[list[bytes], list[UUID]]:
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT entry, id FROM ledger.entries ORDER BY seq").fetchall()
    return [row[0] for row in rows], [row[1] for row in rows]


@pytest.fixture(scope="module")
def log(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    folder = tmp_path_factory.mktemp("log")
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url) as client,
    ):
        seed_ledger(store)
        requests = [request(uuid4(), statement(f"Words {n}.")) for n in range(SIZE - 6)]
        answers(store.append(*requests))
        assert sign_ledger(url, folder, signed_log.KEY)
        answers(store.append(request(uuid4(), statement("Not signed yet."))))
        yield Log(store, client, *read_entries(url), folder)


def test_every_tile_and_bundle_is_that_of_a_naive_builder(log: Log) -> None:
    files = naive_log.log_files(log.entries[:SIZE])
    assert {"entries/000", "entries/001.p/3", "0/000", "0/001.p/3", "1/000.p/1"} == set(files)
    for path, data in files.items():
        response = log.get(f"/log/tile/{path}")
        assert data == response.content
        assert "application/octet-stream" == response.headers["content-type"]
    assert files["0/000"][: 5 * 32] == log.get("/log/tile/0/000.p/5").content
    assert "content-encoding" in log.get("/log/tile/entries/000").headers


def test_a_full_tile_may_be_kept_once_it_is_signed(store: Store, tmp_path: Path) -> None:
    """Before, a standby that takes over may have other entries in it."""
    register(store, 256)
    with run_api(store.url) as client:
        for expected in ("no-cache", "max-age=31536000, immutable"):
            for path in ("entries/000", "0/000"):
                response = client.get(f"/log/tile/{path}")
                assert (200, expected) == (response.status_code, response.headers["cache-control"])
            sign_ledger(store.url, tmp_path, signed_log.KEY)


def test_only_full_tiles_may_be_kept_for_good(log: Log) -> None:
    for path in ("entries/000", "0/000"):
        kept = log.get(f"/log/tile/{path}").headers["cache-control"]
        assert "max-age=31536000, immutable" == kept
    for path in ("tile/entries/001.p/3", "tile/1/000.p/1", "checkpoint", "log.policy"):
        assert "no-cache" == log.get(f"/log/{path}").headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        *("0/001", "entries/001", "1/000", "0/001.p/5", "0/002.p/1", "1/000.p/2", "2/000.p/1"),
        *("0/000.p/0", "0/000.p/256", "0/000.p/257", "0/000.p/300", "entries/000.p/300", "0/0"),
        *("64/000", "00/000", "0/x000/000", "0/x999/x999/x999/x999/x999/x999/999", "0/000/"),
        *("entries/" + "x999/" * 6 + "999", "0/" + "x999/" * 1000 + "999", "", "x"),
    ],
)
def test_a_tile_that_the_log_does_not_have_is_not_found(log: Log, path: str) -> None:
    problem = log.get(f"/log/tile/{path}", 404).json()
    assert "not-found" in problem["type"]


def test_the_checkpoint_is_the_signed_head_and_plain_text(log: Log) -> None:
    response = log.get("/log/checkpoint")
    assert "text/plain; charset=utf-8" == response.headers["content-type"]
    note = parse_note(response.text)
    checkpoint = parse_checkpoint(note)
    root = naive_log.tree_hash(naive_log.leaf_hashes(log.entries[:SIZE]))
    assert (signed_log.ORIGIN, SIZE, root) == (checkpoint.origin, checkpoint.size, checkpoint.root)
    assert 1 == len(note.signed_by([parse_verifier_key(signed_log.VKEY)]))


def test_the_policy_names_the_key_of_the_log(log: Log) -> None:
    lines = log.get("/log/log.policy").text.splitlines()
    assert f"log {signed_log.VKEY} {PUBLIC_URL}/log" in lines
    assert 1 == sum(line.startswith("quorum ") for line in lines)


def test_the_head_of_the_ledger_is_that_of_all_entries(log: Log) -> None:
    head = log.get("/v1/ledger").json()
    newest = log.get(f"/v1/events/{log.ids[-1]}").json()["entry"]
    assert {
        "recorded_at": newest["recorded_at"],
        "size": SIZE + 1,
        "root": naive_log.tree_hash(naive_log.leaf_hashes(log.entries)).hex(),
        "origin": signed_log.ORIGIN,
        "key": signed_log.VKEY,
    } == head


def test_each_event_has_a_proof_under_the_newest_checkpoint(log: Log) -> None:
    leaves = naive_log.leaf_hashes(log.entries[:SIZE])
    note = log.get("/log/checkpoint").text
    for seq in (0, 1, 127, 128, 255, 256, SIZE - 1):
        response = log.get(f"/v1/events/{log.ids[seq]}/proof")
        assert "text/plain; charset=utf-8" == response.headers["content-type"]
        proof = parse_proof(response.text)
        assert (seq, None, note) == (proof.index, proof.extra, str(proof.checkpoint))
        assert naive_log.inclusion_path(seq, leaves) == list(proof.hashes)
        root = root_from_inclusion(leaf_hash(log.entries[seq]), seq, SIZE, proof.hashes)
        assert parse_checkpoint(proof.checkpoint).root == root


def test_an_unknown_event_has_no_proof(log: Log) -> None:
    assert "unknown-event" in log.get(f"/v1/events/{uuid4()}/proof", 404).json()["type"]


def test_the_proof_of_an_event_that_no_checkpoint_covers_is_not_there_yet(log: Log) -> None:
    response = log.get(f"/v1/events/{log.ids[SIZE]}/proof", 503)
    assert "not-signed" in response.json()["type"]
    assert response.headers["retry-after"]


def test_a_log_without_a_signer_has_a_head_and_no_checkpoint(client: httpx2.Client) -> None:
    response = client.get("/log/checkpoint")
    assert (503, True) == (response.status_code, "not-signed" in response.json()["type"])
    assert "log " not in client.get("/log/log.policy").text
    assert {
        "size": 0,
        "root": naive_log.tree_hash([]).hex(),
        "recorded_at": None,
        "origin": None,
        "key": None,
    } == client.get("/v1/ledger").json()
    assert 404 == client.get("/log/tile/0/000.p/1").status_code


async def wait_while_signing(url: str, folder: Path, size: int) -> int | None:
    """The size of the checkpoint for which somebody waits from before it was signed."""
    async with db.pool(url, role="onrecord_audit", size=2) as pool:
        latest = LatestCheckpoint(pool, parse_policy(b"quorum none\n"))
        waiting = asyncio.create_task(latest.wait_for(size))
        assert await latest.fetch() is None
        await asyncio.to_thread(sign_ledger, url, folder, signed_log.KEY)
        checkpoint = await waiting
    return checkpoint.size if checkpoint else None


def test_a_proof_waits_for_its_checkpoint(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest_checkpoint, "WAIT_SECONDS", 60)  # a busy machine signs late
    answers(store.append(ANN))
    assert 1 == asyncio.run(wait_while_signing(store.url, tmp_path, 1))
