"""Statements on record with the same words or address as a new one, for the answer to its POST.

Used by the route of statements. They are looked up while the statement is recorded, in the
projection of statements, by a function of the database that belongs to it: erased words are in no
key, and a statement that was recorded a moment ago may not be folded yet. The write does not depend
on it: where it fails, takes too long, or many run at once, the answer says null.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson
import psycopg
from psycopg_pool import PoolTimeout

from onrecord.domain.payload import as_json
from onrecord.domain.statement import Statement
from onrecord.ingest.schemas import SimilarStatement
from onrecord.kit.sql.db import Pool, Row, fetch_all
from onrecord.kit.sql.sql_files import load_query

log = logging.getLogger(__name__)

MAX_WAIT: Final = 0.1
"""Seconds that an answer waits for the look-up after its statement was recorded."""
MAX_RUNNING: Final = 2
"""Look-ups at a time. Of many clients that write at once most get null, and no slower write."""
_QUERY: Final = load_query("ingest/queries/similar_statements.sql")
_COMPARED: Final = ("speakers", "content", "evidence")


SimilarLookup = asyncio.Task[Sequence[Row]]


class SimilarStatements:
    """The look-up, over a pool of the write API; `public_url` begins the permalinks."""

    def __init__(self, pool: Pool, public_url: str) -> None:
        self._pool, self._public_url = pool, public_url
        self._running = 0

    def start(self, statement: Statement) -> SimilarLookup | None:
        """Start to look up what is similar to a statement; None if too many look-ups run."""
        if self._running == MAX_RUNNING:
            return None
        self._running += 1
        doc = {name: as_json(getattr(statement, name)) for name in _COMPARED}
        params = {"doc": orjson.dumps(doc).decode()}
        lookup = asyncio.create_task(fetch_all(self._pool, _QUERY, params))
        lookup.add_done_callback(self._ended)
        return lookup

    def _ended(self, _: SimilarLookup) -> None:
        self._running -= 1

    async def finish(
        self, lookup: SimilarLookup, statement: Statement, id_: UUID
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
            rows = lookup.result()
        except (psycopg.Error, PoolTimeout):
            log.warning("similar statements cannot be looked up", exc_info=True)
            return None
        named = {id_, *statement.same_utterance_as}
        similar: dict[UUID, SimilarStatement] = {}
        for row in rows:
            other = row["id"]
            if other in similar:
                similar[other].why.append(row["why"])
            elif other not in named:
                path = f"/v1/statements/{other}?known_size={row['size']}"
                similar[other] = SimilarStatement(
                    id=other, why=[row["why"]], permalink=f"{self._public_url}{path}"
                )
        return list(similar.values())
