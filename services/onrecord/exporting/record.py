"""Read-only connection of an export, and the state of the record at a size.

Used by `run`, `events` and `tables`. Each statement is a transaction of its own, so that an export
of hours holds no snapshot, and may run on a replica.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from sqlalchemy.sql import ClauseElement

from onrecord.domain.names import display_name
from onrecord.kit.sql import db
from onrecord.kit.sql.sql_files import load_query
from onrecord.ledger.merkle import Frontier
from onrecord.projections.queries import SNAPSHOT_SIZE
from onrecord.projections.registry import PROJECTIONS
from onrecord.webhooks.payload import source_of

_STATE: Final = load_query("exporting/queries/record_state.sql")
_LEAF_HASHES: Final = load_query("exporting/queries/leaf_hashes.sql")
_LABELS: Final = load_query("exporting/queries/labels.sql")


@dataclass(frozen=True)
class RecordState:
    """The record at a size; `root_hash` in lower-case hex."""

    source: str
    size: int
    root_hash: str
    recorded_at: datetime | None
    """When its newest entry was recorded; None where it has none."""


@dataclass(frozen=True)
class Labels:
    """Labels of actors and topics, and whom each actor counts for after merges."""

    actors: Mapping[str, str]
    topics: Mapping[str, str]
    counts_as: Mapping[str, str]

    def of_actors(self, ids: Sequence[str]) -> list[str]:
        return [self.actors.get(id_, id_) for id_ in ids]

    def of_topics(self, ids: Sequence[str]) -> list[str]:
        return [self.topics.get(id_, id_) for id_ in ids]


class Record:
    """The queries of an export over one connection."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn

    def rows(self, query: ClauseElement, **params: Any) -> list[db.Row]:
        """Run a query and return its rows."""
        sql, names = db.numbered_query(query)
        cursor = psycopg.RawCursor(self._conn, row_factory=dict_row)
        return cursor.execute(sql, [params[name] for name in names], binary=True).fetchall()

    def reached_size(self) -> int:
        """The size that all projections have reached."""
        names = [projection.name for projection in PROJECTIONS]
        size: int = self.rows(SNAPSHOT_SIZE, names=names)[0]["size"]
        return size

    def state_at(self, size: int) -> RecordState:
        """The state of the record when it had this size, which may lie within a commit."""
        (row,) = self.rows(_STATE, size=size)
        frontier = Frontier(row["frontier_size"], tuple(row["frontier"] or ()))
        leaves = self.rows(_LEAF_HASHES, start=frontier.size, stop=size)
        root = frontier.extended(leaf["leaf_hash"] for leaf in leaves).root()
        return RecordState(source_of(row["installation"]), size, root.hex(), row["recorded_at"])

    def labels(self, actors: set[str], topics: set[str], known_size: int) -> Labels:
        """The labels of these actors and topics at a size; an id where there is no label."""
        ids = {"actors": sorted(actors), "topics": sorted(topics)}
        rows = self.rows(_LABELS, **ids, known_size=known_size)
        named = [row for row in rows if row["kind"] == "actor"]
        return Labels(
            {row["id"]: display_name(row["names"], row["id"]) for row in named},
            {row["id"]: row["label"] or row["id"] for row in rows if row["kind"] == "topic"},
            {row["id"]: row["counts_as"] for row in named},
        )


@contextmanager
def open_record(url: str) -> Iterator[Record]:
    """A record whose connection may only read, in the role of the audit API."""
    settings = {"default_transaction_read_only": "on", "statement_timeout": "60s"}
    conn = db.connect(url, role="onrecord_audit", **settings, **db.LOOKUPS)
    with conn:
        set_json_loads(orjson.loads, conn)
        yield Record(conn)
