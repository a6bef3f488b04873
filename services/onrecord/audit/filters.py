"""Which events does a reader of the proof door want?

The filters of `GET /v1/events`, whatever form the events are given in. Called by `routes` and
`streams`. By actor, topic and type the ledger itself finds them; a kind of change is what the
projection of changes knows, so a reader of kinds stays behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause

from onrecord.domain.events import PositionChanged
from onrecord.kit.sql.db import Pool, rows
from onrecord.ledger.read import SIZE, page
from onrecord.projections.changes import change_of

CHANGED = PositionChanged.type


@dataclass(frozen=True)
class Filters:
    """Events pass if each filter that is not empty has one of its names in them."""

    actors: Sequence[str] = ()
    topics: Sequence[str] = ()
    types: Sequence[str] = ()
    kinds: Sequence[str] = ()

    @property
    def params(self) -> dict[str, list[str]]:
        """As `page` takes it. Who wants kinds of change wants changes."""
        types = self.types or ((CHANGED,) if self.kinds else ())
        found = {"actors": self.actors, "topics": self.topics, "types": types, "kinds": self.kinds}
        return {name: list(names) for name, names in found.items() if names}

    @property
    def page(self) -> TextClause:
        """The query for a page of them, with these parameters, `start` and `limit`."""
        if not self.kinds:
            return page(frozenset(self.params))
        kind = change_of.kind("f.seq", "(SELECT id FROM ledger.entries WHERE seq = f.seq)")
        return page(frozenset(self.params), f"{kind} = ANY (CAST(:kinds AS text[]))")

    async def end(self, pool: Pool) -> int:
        """Up to which size it is known which events pass."""
        return int((await rows(pool, change_of.KNOWN if self.kinds else SIZE, {}))[0]["size"])
