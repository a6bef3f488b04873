"""Whom do actors mean, after all merges of them that are known at a size?

Called by the folds for which merged actors count as one. It reads what `actors` has folded, which
must be ahead of them; its rows tell what was so at any size below.
"""

from collections.abc import Collection

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, bindparam, func, select
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import ARRAY

from onrecord.projections import actors
from onrecord.projections.actors import merges
from onrecord.projections.projection import checkpoints


class Aliases:
    """Whom each of these actors means at a size."""

    def __init__(self, conn: Connection, names: Collection[str], size: int) -> None:
        self._into: dict[str, str] = {}
        if names:
            asked = bindparam("names", list(names), type_=ARRAY(SqlText))
            up = select(func.unnest(asked).label("id")).cte("up", recursive=True)
            known = _known(size)
            up = up.union(select(merges.c.into_actor).join(up, merges.c.id == up.c.id).where(known))
            found = select(merges.c.id, merges.c.into_actor).join(up, merges.c.id == up.c.id)
            self._into = {row.id: row.into_actor for row in conn.execute(found.where(known))}

    def root(self, name: str) -> str:
        """The actor that one of the names means; itself, where it is not merged."""
        while name in self._into:
            name = self._into[name]
        return name


def _known(size: int) -> ColumnElement[bool]:
    live = select(checkpoints.c.generation).where(
        checkpoints.c.name == actors.NAME, checkpoints.c.live
    )
    at = bindparam("size", size, type_=BigInteger)
    return and_(
        merges.c.generation == live.scalar_subquery(),
        merges.c.open_seq < at,
        merges.c.close_seq >= at,
    )
