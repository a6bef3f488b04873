"""Merged actors as folds see them: which actor a name means at a size of the ledger.

Called by the fold of `changes`. It reads the table `merges` of the projection `actors`,
which is never behind `changes`. That table is versioned, so it answers for any earlier size.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection

from onrecord.projections.engine.projection import fold_sql, psycopg_connection


class MergedActors:
    """The merges that concern these actors at a size."""

    def __init__(self, conn: Connection, names: Collection[str], size: int) -> None:
        self._into: dict[str, str] = {}
        if names:
            sql, params = fold_sql(conn, _MERGES), {"names": list(names), "size": size}
            self._into = dict(psycopg_connection(conn).execute(sql, params).fetchall())

    def root(self, name: str) -> str:
        """The actor that a name means in the end; itself, where it is not merged."""
        while name in self._into:
            name = self._into[name]
        return name


_MERGES: Final = """
WITH RECURSIVE visible AS NOT MATERIALIZED (
    SELECT id, into_actor FROM projections.merges
    WHERE open_seq < %(size)s::bigint AND close_seq >= %(size)s::bigint
        AND generation = (
            SELECT generation FROM projections.checkpoints WHERE live AND name = 'actors')
), up (id) AS (
    SELECT unnest(%(names)b::text[])
    UNION
    SELECT into_actor FROM visible JOIN up USING (id)
)
SELECT id, into_actor FROM visible JOIN up USING (id)
"""
