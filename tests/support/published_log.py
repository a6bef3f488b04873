"""A signed log for tests of `onrecord verify`: a small record with everything in it.

`record` fills a ledger, `sign` signs its head as the signer does, `verify` runs a verification as
the command does, `tampering` is a superuser's connection with triggers and constraints off.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import httpx2
import psycopg
from typer.testing import CliRunner, Result

from onrecord.client import Client
from onrecord.domain.events import (
    ActorMerged,
    ActorRegistered,
    ActorUnmerged,
    PayloadErased,
    PositionCorrected,
    PositionRetracted,
    StatementCorrected,
    StatementMade,
    TopicRegistered,
)
from onrecord.entrypoints.cli import app
from onrecord.kit.sql import db
from onrecord.kit.tlog.keys import SigningKey, VerifierKey
from onrecord.verifying.download import LogReader
from onrecord.verifying.report import VerificationReport
from onrecord.verifying.run import verify_log
from onrecord.verifying.saved_state import open_state
from tests.support import keys
from tests.support.histories import (
    ROOT,
    corrected,
    position,
    registration,
    request,
    statement_fields,
)
from tests.support.ledgers import answers
from tests.support.store import Store

ORIGIN: Final = "record.example.org/log"
LOG_KEY: Final = SigningKey.generate(ORIGIN)
STATEMENTS: Final = 270
"""More than a bundle has entries."""
ERASED: Final = uuid5(ROOT, "statement 7")


def record(store: Store) -> None:
    """Registrations, statements with positions of inexact dates, and every kind of amendment."""

    def id_of(name: str) -> UUID:
        return uuid5(ROOT, name)

    actors = [
        ActorRegistered.model_validate(
            {"id": id_, "kind": "person", "names": [{"name": id_.title(), "lang": "en"}]}
        )
        for id_ in ("ann", "ann-2", "ben")
    ]
    topics = [TopicRegistered(id="talks", label="Talks"), TopicRegistered(id="arms")]
    answers(store.append(*map(registration, actors), *map(registration, topics)))
    statements = [
        request(
            id_of(f"statement {n}"),
            StatementMade.model_validate(statement_fields("ann", "talks", f"Words {n} für Ann.")),
        )
        for n in range(STATEMENTS)
    ]
    answers(store.append(*statements))
    positions = {
        "a": position(summary="For it."),
        "b": position(effective="2022-03", stance="conditional_oppose", condition="Peace."),
        "c": position(effective="../2022-06", stance="mixed", basis=[id_of("statement 3")]),
        "d": position(effective="2022-03-05", stance="oppose", order=2),
        "e": position(actor="ann-2", effective="2021", stance="no_position"),
        "f": position(actor="ben", topic="arms", effective="../2030", stance="neutral"),
        "g": position(actor="ben", effective="2022-03-05T10:00:00+02:00"),
        "h": position(actor="ben", effective="2023", summary="Again."),
    }
    made = [request(id_of(name), event) for name, event in positions.items()]
    answers(store.append(*made))
    reason = {"by": "us", "reason": "A slip."}
    later = {
        "m": corrected(id_of("b"), stance="conditional_support", condition="Pay.", topic="arms"),
        "n": PositionRetracted(target=id_of("d"), **reason),
        "o": ActorMerged(actor="ann-2", into="ann"),
        "p": PositionRetracted(target=id_of("a"), **reason),
        "q": corrected(id_of("a"), effective="2022-02-01", summary="For it, after all."),
        "r": ActorMerged(actor="ben", into="ann"),
        "s": ActorUnmerged(actor="ben"),
        "t": StatementCorrected.model_validate(
            {"target": ERASED, **reason, "replacement": statement_fields("ann", "talks", "More.")}
        ),
        "u": PayloadErased(target=ERASED, sections=("content", "reason"), ground="gdpr-17"),
        "v": position(actor="ben", effective="2024", stance="support"),
    }
    assert isinstance(later["q"], PositionCorrected)
    for name, event in later.items():
        answers(store.append(request(id_of(name), event)))
    store.catch_up()


def command(client: httpx2.Client, folder: Path, *options: str) -> Result:
    """Run `onrecord verify URL` in this process."""
    environment = {"ONRECORD_KEY": keys.TOKEN, "ONRECORD_DATA": str(folder / "data")}
    arguments = ["verify", str(client.base_url), "--state", str(folder), *options]
    return CliRunner().invoke(app, arguments, env=environment)


def verify(
    client: httpx2.Client, folder: Path, key: VerifierKey | None = None
) -> VerificationReport:
    """Verify the log at the address of a client, with the state in a folder."""
    address = str(client.base_url)
    with Client(address, keys.TOKEN, retries=0) as reader, open_state(folder, address) as state:
        return verify_log(LogReader(reader), state, [key] if key else [], lambda *_: None)


@contextmanager
def tampering(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser who has switched everything off that protects the tables."""
    with db.connect(url) as conn:
        for table in ("entries", "payloads", "commits", "subtrees", "erased"):
            conn.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL")
        for table in ("checkpoints", "keys"):
            conn.execute(f"ALTER TABLE signing.{table} DISABLE TRIGGER ALL")
        conn.execute(
            "ALTER TABLE ledger.entries DROP CONSTRAINT IF EXISTS entries_leaf_hash_is_true"
        )
        yield conn
