"""A log of 70,000 entries, judged by others' code: tlog-scales, aics-tlog, metamorphic-log (in
Rust) and scitt-cose. Its entries were on record before an upgrade, which computed its subtrees.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import metamorphic_log
import psycopg
import pytest
from scitt_cose import merkle as scitt
from tlog_scales import writer
from tlog_scales.backend import HttpBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey

from onrecord.audit.tlog.hashes import hash_spans
from onrecord.kit.sql import db, migrations
from onrecord.kit.tlog.merkle import consistency_spans
from onrecord.kit.tlog.proofs import parse_proof
from onrecord.ledger.merkle import Frontier
from tests.support import naive_log, postgres, signed_log
from tests.support.generators import run
from tests.support.python312 import python312
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import open_store, run_api

OLD_SIZE: Final = 66_000
SIZE: Final = 70_000
AICS_AUDIT: Final = Path(__file__).parents[1] / "support/aics_audit.py"
FILL: Final = f"""
INSERT INTO ledger.entries
SELECT seq, gen_random_uuid(), entry, sha256('\\x00'::bytea || entry)
FROM (
    SELECT seq, convert_to('{{"seq":' || seq || ',"x":"' || repeat('x', seq % 50) || '"}}', 'UTF8')
        AS entry
    FROM generate_series(0, {SIZE} - 1) seq
) filled
"""
OPEN: Final[dict[str, Any]] = {"public_reads": True, "rate_per_address": "1000000/second"}
"""The judges send no key, and read hundreds of tiles a second."""
PROVEN: Final = (0, 1, 12_345, OLD_SIZE - 1, OLD_SIZE, SIZE - 1)


@dataclass(frozen=True)
class LongLog:
    url: str
    client: httpx2.Client
    entries: list[bytes]
    folder: Path
    """With an older checkpoint."""

    @property
    def log_url(self) -> str:
        return f"{self.client.base_url}/log"

    @property
    def older_note(self) -> Path:
        return self.folder / "older"

    def proof(self, seq: int) -> str:
        with psycopg.connect(self.url) as conn:
            row = conn.execute("SELECT id FROM ledger.entries WHERE seq = %s", [seq]).fetchone()
        assert row
        response = self.client.get(f"/v1/events/{row[0]}/proof")
        assert response.status_code == 200, response.text
        return response.text


@pytest.fixture(scope="module")
def log(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongLog]:
    folder = tmp_path_factory.mktemp("log")
    with postgres.database(server_url, "template0") as url:
        postgres.upgrade_to(url, "similar")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(FILL.encode())
            rows = conn.execute("SELECT entry FROM ledger.entries ORDER BY seq").fetchall()
            entries = [row[0] for row in rows]
            leaves = naive_log.leaf_hashes(entries)
            commit(conn, leaves[:OLD_SIZE])
            migrations.upgrade(url)
            with open_store(url), run_api(url, **OPEN) as client:
                sign_ledger(url, folder, signed_log.KEY)
                (folder / "older").write_bytes(signed_log.fetch(client, "checkpoint"))
                commit(conn, leaves)
                sign_ledger(url, folder, signed_log.KEY)
                yield LongLog(url, client, entries, folder)


def commit(conn: psycopg.Connection[Any], leaves: list[bytes]) -> None:
    frontier = Frontier().extended(leaves)
    conn.execute(
        "INSERT INTO ledger.commits VALUES (%s, now(), %s, %s)",
        [len(leaves), frontier.root(), list(frontier.hashes)],
    )


@pytest.fixture(scope="module")
def files(log: LongLog) -> dict[str, bytes]:
    """All tiles and bundles that the log serves."""
    return signed_log.mirror(log.client, log.folder, SIZE)


def test_all_tiles_are_those_of_another_builder(
    log: LongLog, files: dict[str, bytes], tmp_path: Path
) -> None:
    builder = writer.TilesWriter.create(tmp_path / "built", signed_log.ORIGIN)
    for entry in log.entries:
        builder.add_leaf(entry)
    builder.commit([])
    folder = tmp_path / "built" / "tile"
    built = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    assert 274 + 274 + 2 + 1 == len(built)
    assert set(built) == set(files)
    assert [] == [path for path, file in built.items() if file.read_bytes() != files[path]]


def test_proofs_are_byte_for_byte_those_of_gen_proof(log: LongLog) -> None:
    for seq in (12_345, SIZE - 1):
        command_line = (sys.executable, "-m", "tlog_scales.cli", "gen-proof", log.log_url, str(seq))
        assert run(*command_line) == log.proof(seq)


def test_signatures_and_proofs_hold_for_tlog_scales(log: LongLog) -> None:
    reader = TilesReader(HttpBackend(log.log_url))
    checkpoint = reader.get_checkpoint()
    checkpoint.verify(Vkey.from_string(signed_log.VKEY))
    assert (SIZE, checkpoint.root_hash) == (checkpoint.size, reader.calculate_root_hash())
    for seq in PROVEN:
        hashes = list(parse_proof(log.proof(seq)).hashes)
        assert reader.get_inclusion_proof(seq, SIZE).node_hashes == hashes
        assert log.entries[seq] == reader.get_entry(seq)
    proof = reader.get_consistency_proof(OLD_SIZE, SIZE).node_hashes
    assert proof == asyncio.run(consistency_proof(log.url))


async def consistency_proof(url: str) -> list[bytes]:
    async with db.pool(url, role="onrecord_audit", size=1) as pool:
        return await hash_spans(pool, consistency_spans(OLD_SIZE, SIZE))


def test_signatures_and_proofs_hold_for_metamorphic_log(log: LongLog) -> None:
    note = signed_log.fetch(log.client, "checkpoint").decode()
    head = metamorphic_log.checkpoint_verify(note, [signed_log.VKEY])
    assert (signed_log.ORIGIN, SIZE) == (head.origin, head.size)
    leaves = naive_log.leaf_hashes(log.entries)
    for seq in PROVEN:
        hashes = list(parse_proof(log.proof(seq)).hashes)
        metamorphic_log.checkpoint_verify_inclusion(
            note, [signed_log.VKEY], seq, leaves[seq], hashes
        )
    proof = asyncio.run(consistency_proof(log.url))
    older = log.older_note.read_text()
    metamorphic_log.checkpoint_verify_consistency(older, note, [signed_log.VKEY], proof)
    with pytest.raises(metamorphic_log.VerifyError):
        metamorphic_log.checkpoint_verify_consistency(older, note, [signed_log.VKEY], proof[:-1])


def test_roots_and_paths_are_those_of_scitt_cose(log: LongLog) -> None:
    entries = [entry.hex() for entry in log.entries]
    root = scitt.merkle_root(entries)
    assert log.client.get("/v1/ledger").json()["root"] == root
    for seq in PROVEN[1:3]:
        hashes = [hash_.hex() for hash_ in parse_proof(log.proof(seq)).hashes]
        assert scitt.inclusion_proof(entries, seq) == hashes
        assert scitt.verify_inclusion(entries[seq], seq, SIZE, hashes, root)
    proof = [hash_.hex() for hash_ in asyncio.run(consistency_proof(log.url))]
    assert scitt.consistency_proof(entries, OLD_SIZE, SIZE) == proof


@pytest.mark.timeout(600)  # it may have to install the packages first
def test_aics_tlog_audits_the_whole_log_over_http(log: LongLog) -> None:
    arguments = (log.log_url, signed_log.VKEY, log.older_note)
    audit = json.loads(run(python312(), AICS_AUDIT, *arguments))
    proof = asyncio.run(consistency_proof(log.url))
    assert {
        "size": SIZE,
        "root": naive_log.tree_hash(naive_log.leaf_hashes(log.entries)).hex(),
        "tiles": 274 + 2 + 1,
        "bundles": 274,
        "consistency_proof": [hash_.hex() for hash_ in proof],
        "continues": True,
    } == audit
