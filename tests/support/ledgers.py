"""What does a test of the ledger start from, and how does it look at all that the ledger holds?"""

from uuid import uuid4

from onrecord.domain.events import ActorRegistered, StatementMade, TopicRegistered
from onrecord.domain.requests import Refusal
from onrecord.kit.sql import db
from onrecord.ledger import tables
from onrecord.ledger.evaluate import Answer
from tests.support.histories import position, registration, request, said
from tests.support.store import Store

TABLES = sorted(table.name for table in tables.metadata.tables.values())
ANN, BEN = (registration(ActorRegistered(id=one, kind="person")) for one in ("ann", "ben"))
TALKS, ARMS = (registration(TopicRegistered(id=one)) for one in ("talks", "arms"))


def statement(words: str = "Words.") -> StatementMade:
    return StatementMade.model_validate(said("ann", "talks", words))


def answers(found: list[Answer | Refusal]) -> list[Answer]:
    assert [one for one in found if isinstance(one, Refusal)] == []
    return [one for one in found if isinstance(one, Answer)]


def table_rows(made: Store) -> dict[str, list[str]]:
    """All of the ledger, table by table."""
    with db.connect(made.url, role="onrecord_audit") as conn:
        return {
            name: sorted(map(repr, conn.execute(f"SELECT * FROM ledger.{name}"))) for name in TABLES
        }


def stage(made: Store) -> Store:
    """Put two actors, two topics, and a statement with a position on record."""
    answers(made.append(ANN, BEN, TALKS, ARMS, request(uuid4(), statement(), position())))
    return made
