"""The auditor's script of `ops/examples`, against a live log and one that was tampered with."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import psycopg
import pytest

from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.notes import sign_note
from tests.support import bodies, postgres, seeds, signed_log
from tests.support.keys import TOKEN
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import Store, open_store, run_api

SCRIPT: Final = Path(__file__).parents[2] / "ops/examples/audit.py"


@pytest.fixture(scope="module")
def store(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A signed log: seeds, a merge, a correction, a retraction and an erasure."""
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as new_store,
        run_api(url) as client,
    ):
        client.post("/v1/batch", content=bodies.ndjson(seeds.lines()), headers=bodies.NDJSON)
        bodies.register_all(client)
        bodies.post(client, "/v1/actors", bodies.actor("emma-2"))
        made = bodies.post(client, "/v1/statements", bodies.FULL_STATEMENT)["id"]
        for name in ("corrected", "retracted", "tied"):
            bodies.post(client, "/v1/actors", bodies.actor(name))
        position = bodies.position(actor="emma-2", basis=[made], effective="../2022-12")
        record(client, **position)
        wrong = record(client, actor="corrected", effective="2022-11")
        record(client, actor="corrected", effective="2022-09-30")
        correct(
            client, wrong, actor="corrected", effective="2022-10-01T00:00:00+02:00", stance="oppose"
        )
        record(client, actor="retracted", effective="2021")
        gone = record(client, actor="retracted", effective="2022-02-28", stance="oppose")
        bodies.post(client, f"/v1/positions/{gone}/retraction", bodies.retraction())
        first = record(client, actor="tied", effective="../2024", stance="oppose")
        record(client, actor="tied", effective="../2024-12", stance="neutral")
        record(client, actor="tied", effective="../2024-12-31", order=-1)
        record(client, actor="tied", effective="9999")
        correct(
            client, first, actor="tied", effective="../2024", stance="oppose", summary="A typo."
        )
        bodies.post(client, "/v1/actors/emma-2/merge", {"into": "emma", "reason": "The same."})
        erasure = {"sections": ["content", "evidence"], "ground": "gdpr-17"}
        bodies.post(client, f"/v1/statements/{made}/erasure", erasure)
        new_store.catch_up()
        sign_ledger(url, tmp_path_factory.mktemp("log"), signed_log.KEY)
        yield new_store


def record(client: httpx2.Client, **over: Any) -> str:
    """Record a position on talks; its id."""
    id_: str = bodies.post(client, "/v1/positions", bodies.position(**over))["id"]
    return id_


def correct(client: httpx2.Client, id_: str, **over: Any) -> None:
    """Correct a position on talks."""
    replacement = bodies.position(**over)
    bodies.post(client, f"/v1/positions/{id_}/corrections", bodies.correction(replacement))


@pytest.fixture
def client(store: Store) -> Iterator[httpx2.Client]:
    with run_api(store.url) as new_client:
        yield new_client


def audit(client: httpx2.Client, kept: Path, vkey: str = signed_log.VKEY) -> tuple[int, str]:
    """The exit code of the script, and what it printed."""
    completed = subprocess.run(
        [sys.executable, SCRIPT, str(client.base_url), vkey, kept],
        env={**os.environ, "ONRECORD_KEY": TOKEN},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    return completed.returncode, completed.stdout + completed.stderr


@contextmanager
def tampered(store: Store, statement: str) -> Iterator[None]:
    """The ledger changed by a superuser with triggers off; as it was, after the block."""
    with psycopg.connect(store.url, autocommit=True) as conn:
        for table in ("entries", "payloads"):
            conn.execute(f"CREATE TEMP TABLE kept_{table} AS TABLE ledger.{table}".encode())
            conn.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER".encode())
        conn.execute(statement.encode())
        yield
        for table in ("entries", "payloads"):
            conn.execute(f"DELETE FROM ledger.{table}".encode())
            conn.execute(f"INSERT INTO ledger.{table} TABLE kept_{table}".encode())


def test_a_live_log_is_verified_and_its_checkpoint_kept(
    client: httpx2.Client, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoint"
    for _ in range(2):  # the second time it continues the first
        code, output = audit(client, kept)
        assert (0, True) == (code, "\nverified: " in output), output
    assert [kept] == list(tmp_path.iterdir())
    assert signed_log.fetch(client, "checkpoint") == kept.read_bytes()


def test_the_positions_that_it_folds_are_those_of_the_read_api(
    client: httpx2.Client, tmp_path: Path
) -> None:
    """With a merged actor, a corrected position, a retracted one and inexact dates."""
    code, output = audit(client, tmp_path / "checkpoint")
    assert code == 0, output
    answer = client.get("/v1/positions", params={"limit": 100}).json()
    assert answer["next"] is None
    fields = ("actor", "topic", "stance", "effective")
    held = [" ".join(item[name] for name in fields) for item in answer["items"] if item["id"]]
    assert held == output.splitlines()[:-1]
    assert {
        "corrected talks oppose 2022-10-01T00:00:00+02:00",
        "emma talks support ../2022-12",
        "retracted talks support 2021",
        "tied talks neutral ../2024-12",
    } <= set(held)


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        (
            "UPDATE ledger.payloads SET value = convert_to(replace(convert_from(value, 'UTF8'),"
            " 'a', 'e'), 'UTF8') WHERE section = 'content'",
            "content of [0-9a-f-]{36} was changed",
        ),
        (
            'UPDATE ledger.payloads SET value = \'{"label":1,"label":2}\''
            " WHERE section = 'labels'",
            "an object has a key twice",
        ),
        (
            "DELETE FROM ledger.payloads WHERE section = 'labels'",
            r"withheld: \[\('topic', .*labels",
        ),
        ("DELETE FROM ledger.payloads WHERE section = 'content'", "withheld: .*'content'"),
    ],
)
def test_a_section_that_was_changed_or_withheld_is_named(
    client: httpx2.Client, store: Store, tmp_path: Path, statement: str, complaint: str
) -> None:
    with tampered(store, statement):
        code, output = audit(client, tmp_path / "checkpoint")
    assert (1, True) == (code, bool(re.search(f"NOT VERIFIED: {complaint}", output))), output


def test_a_changed_entry_breaks_the_signed_root(
    client: httpx2.Client, store: Store, tmp_path: Path
) -> None:
    changed = "convert_to(replace(convert_from(entry, 'UTF8'), '2022', '2021'), 'UTF8')"
    update = (
        f"UPDATE ledger.entries SET entry = {changed}, leaf_hash = sha256('\\x00' || {changed})"
    )
    with tampered(store, update):
        code, output = audit(client, tmp_path / "checkpoint")
    assert (1, True) == (code, "the entries do not give the signed root" in output), output


def test_a_log_that_another_key_signed_is_refused(client: httpx2.Client, tmp_path: Path) -> None:
    another = str(SigningKey.generate(signed_log.ORIGIN).verifier)
    code, output = audit(client, tmp_path / "checkpoint", another)
    assert (1, True) == (code, "not signed by the key" in output), output


def test_a_checkpoint_that_was_changed_after_it_was_signed_is_refused(
    client: httpx2.Client, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoint"
    signed = str(sign_note(Checkpoint(signed_log.ORIGIN, 3, bytes(32)).text, [signed_log.KEY]))
    kept.write_text(signed.replace("\n3\n", "\n2\n"))
    code, output = audit(client, kept)
    assert (1, True) == (code, "the signature is not over this checkpoint" in output), output


def test_a_log_that_is_not_the_one_of_the_kept_checkpoint_is_refused(
    client: httpx2.Client, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoint"
    rewritten = Checkpoint(signed_log.ORIGIN, 3, bytes(32))
    kept.write_text(str(sign_note(rewritten.text, [signed_log.KEY])))
    before = kept.read_bytes()
    code, output = audit(client, kept)
    assert (1, True) == (code, f"the log does not continue {kept}" in output), output
    assert before == kept.read_bytes()
