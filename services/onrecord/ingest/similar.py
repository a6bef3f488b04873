"""Statements on record with the same words or address as a new one, for the answer to its POST.

Used by the route of statements. They are looked up while the statement is recorded, in the
projection of statements, by a function of the database that belongs to it: erased words are in no
key, and a statement that was recorded a moment ago may not be folded yet. The write does not depend
on it: where it takes too long or fails, the answer says null.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from onrecord.domain.payload import as_json
from onrecord.domain.statement import Statement
from onrecord.ingest.schemas import SimilarReason, SimilarStatement
from onrecord.kit.sql.batched_query import BatchedQuery
from onrecord.kit.sql.db import Pool
from onrecord.kit.sql.sql_files import load_query

log = logging.getLogger(__name__)

MAX_WAIT: Final = 0.1
"""Seconds that an answer waits for the look-up after its statement was recorded."""
_COMPARED: Final = ("speakers", "content", "evidence")


@dataclass(frozen=True)
class SimilarStatements:
    """The look-up, over a pool of the write API; `public_url` begins the permalinks."""

    query: BatchedQuery
    public_url: str

    @classmethod
    def over(cls, pool: Pool, public_url: str) -> "SimilarStatements":
        query = load_query("ingest/queries/similar_statements.sql")
        return cls(BatchedQuery(pool, query), public_url)

    def start(self, statement: Statement) -> "asyncio.Task[Mapping[str, Any]]":
        """Start to look up what is similar to a statement."""
        doc = {name: as_json(getattr(statement, name)) for name in _COMPARED}
        return asyncio.create_task(self.query.fetch_one({"doc": doc}))

    async def finish(
        self, lookup: "asyncio.Task[Mapping[str, Any]]", statement: Statement, id_: UUID
    ) -> Sequence[SimilarStatement] | None:
        """The similar statements, without the statement itself and those that it names as the same
        utterance; None if they cannot be looked up in time.
        """
        if not lookup.done():
            await asyncio.wait([lookup], timeout=MAX_WAIT)
        if not lookup.done():
            lookup.cancel()
            return None
        try:
            rows = lookup.result()["similar"]
        except (psycopg.Error, PoolTimeout):
            log.warning("similar statements cannot be looked up", exc_info=True)
            return None
        named = {str(id_), *map(str, statement.same_utterance_as)}
        reasons: dict[str, list[SimilarReason]] = {}
        sizes: dict[str, int] = {}
        for other, reason, size in rows:
            if other not in named:
                reasons.setdefault(other, []).append(reason)
                sizes[other] = size
        return [
            SimilarStatement(
                id=UUID(other),
                why=why,
                permalink=f"{self.public_url}/v1/statements/{other}?known_size={sizes[other]}",
            )
            for other, why in reasons.items()
        ]
