"""Signers in tests: one step at a time, or as the loop of the process in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg

from onrecord.domain.events import ActorRegistered
from onrecord.kit.sql import db
from onrecord.kit.tlog.checkpoints import parse_checkpoint
from onrecord.kit.tlog.keys import VerifierKey
from onrecord.kit.tlog.notes import Note, parse_note
from onrecord.kit.tlog.policies import Policy, parse_policy
from onrecord.signing.kept_checkpoint import CheckpointNote
from onrecord.signing.log_identity import LogIdentity, identify_log
from onrecord.signing.rounds import Rounds
from onrecord.signing.signer import Signer
from onrecord.signing.signing_loop import sign_until_stopped
from onrecord.signing.witnesses import start_witness_clients
from tests.support.histories import registration
from tests.support.store import Store
from tests.support.witness_keys import WitnessKey

ORIGIN: Final = "record.example.org/log"


def identity(folder: Path, *, origin: str = ORIGIN, required: str | None = None) -> LogIdentity:
    """The files of a log in a folder."""
    return LogIdentity(folder / "log.key", folder / "checkpoint", origin, required)


@contextmanager
def open_signer(store: Store, log: LogIdentity) -> Iterator[Signer]:
    """A signer that has the lock, and has not compared anything yet."""
    with db.connect(store.url, role="onrecord_signer") as conn:
        signer = Signer(conn, identify_log(conn, log), log.kept)
        assert signer.try_lock()
        yield signer


def sign(store: Store, log: LogIdentity) -> CheckpointNote | None:
    """Start a signer and sign the head."""
    with open_signer(store, log) as signer:
        signer.start()
        return signer.sign_head()


@contextmanager
def running_signer(store: Store, log: LogIdentity) -> Iterator[list[CheckpointNote]]:
    """The signer's loop in a thread; yields what it signs. Raises its error at the end."""
    stop, signed, errors = threading.Event(), list[CheckpointNote](), list[Exception]()

    def run() -> None:
        try:
            sign_until_stopped(store.url, log, stop, signed.append)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield signed
    finally:
        stop.set()
        thread.join(60)
    if errors:
        raise errors[0]


def register(store: Store, count: int = 1) -> None:
    """Append this many entries, in one transaction."""
    store.append(
        *(registration(ActorRegistered(id=f"a-{uuid4()}", kind="person")) for _ in range(count))
    )


def stored_note(store: Store) -> Note | None:
    """The newest checkpoint in the database."""
    with psycopg.connect(store.url) as conn:
        row = conn.execute("SELECT note FROM signing.checkpoints ORDER BY size DESC LIMIT 1")
        found = row.fetchone()
    return parse_note(found[0]) if found else None


def tamper(store: Store, statement: str, **params: Any) -> None:
    """Run a statement as a superuser with the triggers off that refuse changes."""
    names = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
    where = " WHERE schemaname IN ('ledger', 'signing')"
    with psycopg.connect(store.url) as conn:
        tables = [table for (table,) in conn.execute((names + where).encode())]
        for table in tables:
            conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        conn.execute(statement.encode(), params)
        for table in tables:
            conn.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())


def restore(store: Store, size: int) -> None:
    """Set the ledger and its signatures back to an earlier size, as a restored backup does."""
    for table in ("touches", "payloads", "entries"):
        tamper(store, f"DELETE FROM ledger.{table} WHERE seq >= %(size)s", size=size)
    tamper(store, "DELETE FROM ledger.ids WHERE seq >= %(size)s", size=size)
    tamper(store, "DELETE FROM ledger.subtrees WHERE (n + 1) << (8 * level) > %(size)s", size=size)
    for table in ("ledger.commits", "signing.cosignatures", "signing.checkpoints"):
        tamper(store, f"DELETE FROM {table} WHERE size > %(size)s", size=size)


@contextmanager
def running_log(store: Store, log: LogIdentity, policy: str) -> Iterator[Policy]:
    """The signer's process in threads: its loop and the clients of the policy's witnesses."""
    parsed, stop = parse_policy(policy.encode()), threading.Event()
    rounds = Rounds(parsed)
    clients = start_witness_clients(parsed, rounds, store.url, stop)
    loop = threading.Thread(
        target=sign_until_stopped, args=(store.url, log, stop, rounds.offer), daemon=True
    )
    loop.start()
    try:
        yield parsed
    finally:
        stop.set()
        for thread in (loop, *clients):
            thread.join(60)


def cosigned_size(store: Store, key: VerifierKey) -> int:
    """The largest size that a witness has cosigned."""
    with db.connect(store.url, role="onrecord_signer") as conn:
        query = "SELECT coalesce(max(size), 0) FROM signing.cosignatures WHERE key = %s"
        row = conn.execute(query, [key.name_and_id]).fetchone()
    assert row
    return int(row[0])


def cosign(store: Store, witness: WitnessKey, size: int) -> None:
    """Keep a cosignature on a checkpoint, as the client of a witness does with its answer."""
    with psycopg.connect(store.url) as conn:
        row = conn.execute("SELECT note FROM signing.checkpoints WHERE size = %s", [size])
        (note,) = row.fetchone() or ("",)
        values = [size, witness.verifier.name_and_id, str(witness.cosign(parse_note(note)))]
        conn.execute("INSERT INTO signing.cosignatures VALUES (%s, %s, %s)", values)


def stored_size(store: Store) -> int:
    note = stored_note(store)
    return parse_checkpoint(note).size if note else 0
