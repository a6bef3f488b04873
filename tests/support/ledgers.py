"""A small ledger of two actors and two topics, and all its rows, for tests of the ledger."""

from uuid import uuid4

from onrecord.domain.events import ActorRegistered, StatementMade, TopicRegistered
from onrecord.domain.requests import Refusal
from onrecord.kit.sql import db
from onrecord.ledger import tables
from onrecord.ledger.evaluate import Answer
from tests.support.histories import position, registration, request, statement_fields
from tests.support.store import Store

TABLES = sorted(table.name for table in tables.metadata.tables.values())
ANN, BEN = (registration(ActorRegistered(id=id_, kind="person")) for id_ in ("ann", "ben"))
TALKS, ARMS = (registration(TopicRegistered(id=id_)) for id_ in ("talks", "arms"))


def statement(words: str = "Words.") -> StatementMade:
    return StatementMade.model_validate(statement_fields("ann", "talks", words))


def answers(results: list[Answer | Refusal]) -> list[Answer]:
    """The results of `append`; a refusal fails the test."""
    assert [result for result in results if isinstance(result, Refusal)] == []
    return [result for result in results if isinstance(result, Answer)]


def table_rows(store: Store) -> dict[str, list[str]]:
    """All rows of the ledger by table."""
    with db.connect(store.url, role="onrecord_audit") as conn:
        return {
            name: sorted(map(repr, conn.execute(f"SELECT * FROM ledger.{name}"))) for name in TABLES
        }


def seed_ledger(store: Store) -> Store:
    """Record two actors, two topics, and a statement with a position."""
    answers(store.append(ANN, BEN, TALKS, ARMS, request(uuid4(), statement(), position())))
    return store
