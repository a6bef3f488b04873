"""Whom do actors mean, after all merges of them that are known at a size?

Called by the folds for which merged actors count as one. It reads what `actors` has folded, which
must be ahead of them; its rows tell what was so at any size below.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection

from onrecord.ledger.follow import driver
from onrecord.projections import actors
from onrecord.projections.engine.projection import schema


class Aliases:
    """Whom each of these actors means at a size."""

    def __init__(self, conn: Connection, names: Collection[str], size: int) -> None:
        self._into: dict[str, str] = {}
        if names:
            sql = _INTO.format(schema=f'"{schema(conn)}"')
            found = driver(conn).execute(sql, {"names": list(names), "size": size})
            self._into = dict(found.fetchall())

    def root(self, name: str) -> str:
        """The actor that one of the names means; itself, where it is not merged."""
        while name in self._into:
            name = self._into[name]
        return name


_KNOWN: Final = f"""m.open_seq < %(size)s AND m.close_seq >= %(size)s AND m.generation = (
    SELECT generation FROM {{schema}}.checkpoints WHERE live AND name = '{actors.NAME}')"""
_INTO: Final = f"""
WITH RECURSIVE up (id) AS (
    SELECT unnest(%(names)b::text[])
    UNION
    SELECT m.into_actor FROM {{schema}}.merges m JOIN up USING (id) WHERE {_KNOWN}
)
SELECT m.id, m.into_actor FROM {{schema}}.merges m JOIN up USING (id) WHERE {_KNOWN}
"""
