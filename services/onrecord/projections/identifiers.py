"""Resolver of `wikidata:Q...`: the actors that references of reads name.

Used by the read API and the audit API, for paths and filters. Where no reference has the prefix, it
runs no query.
"""

from collections.abc import Sequence
from typing import NamedTuple

from onrecord.domain.references import qid_of
from onrecord.kit.http.problems import unknown_in_filters
from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.projections.queries import ACTORS_OF_IDENTIFIERS


class Resolved(NamedTuple):
    """A reference, and the actors that it names. An id names itself, on record or not."""

    ref: str
    ids: Sequence[str]

    @property
    def fault(self) -> str | None:
        """The message for the client where the reference names no actor, or several."""
        if not self.ids:
            return f"no actor with the identifier {self.ref!r} is on record"
        if len(self.ids) > 1:
            names = ", ".join(map(repr, self.ids))
            return f"several actors have the identifier {self.ref!r}: {names}; name one by its id"
        return None


async def resolve_references(
    pool: Pool, refs: Sequence[str], known_size: int | None
) -> list[Resolved]:
    """The actors that ids and `wikidata:Q...` name at a size (None: the newest), in this order.

    An actor has a Wikidata id as an identifier or as its own id; a merged one counts as the one
    that it means.
    """
    qids = {ref: qid for ref in refs if (qid := qid_of(ref))}
    if not qids:
        return [Resolved(ref, [ref]) for ref in refs]
    params = {"qids": list(qids.values()), "known_size": known_size}
    rows = await fetch_all(pool, ACTORS_OF_IDENTIFIERS, params)
    return [
        Resolved(ref, [row["id"] for row in rows if row["qid"] == qids[ref]])
        if ref in qids
        else Resolved(ref, [ref])
        for ref in refs
    ]


def ids_in_filter(resolved: Sequence[Resolved]) -> list[str]:
    """The ids of actors that a filter names. Raises a 422 `Problem` with every fault."""
    faults = [("actor", actor.fault) for actor in resolved if actor.fault]
    if faults:
        raise unknown_in_filters(faults)
    return list(dict.fromkeys(actor.ids[0] for actor in resolved))
