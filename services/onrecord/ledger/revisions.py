"""Revisions of pairs: how many events about positions each actor and topic has.

Read under the ledger's lock, from the newest entry of each pair, which holds its own number. Used
by `lookup`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Pipeline, RawCursor

from onrecord.domain.decisions import Entity
from onrecord.domain.requests import Pair, Request, amended_positions, numbered_pairs
from onrecord.ledger.entry import parse_revisions
from onrecord.ledger.pipelines import fetch_in_pipeline

_NEWEST: Final = """
SELECT pair.name, (
    SELECT entry FROM ledger.entries WHERE seq = (
        SELECT max(seq) FROM ledger.touches WHERE kind = 'pair' AND touches.name = pair.name))
FROM unnest($1::text[]) pair (name)
"""
"""The newest entry of each pair, NULL if it has none."""

_COUNT: Final = """
SELECT name, count(*) FROM ledger.touches
WHERE kind = 'pair' AND name = ANY ($1::text[])
GROUP BY name
"""
"""The revisions of pairs whose newest entry is of version 1."""


def read_revisions(
    cursor: RawCursor[Any],
    pipeline: Pipeline,
    requests: Sequence[Request],
    entities: Mapping[UUID, Entity],
    newest: dict[str, bytes | None],
) -> dict[Pair, int]:
    """The revision of each pair that the requests change.

    `newest`: the newest entry, if any, of each pair in `numbered_pairs`, by `actor/topic`.
    """
    pairs = [pair for request in requests for pair in numbered_pairs(request)]
    before = [
        pair
        for request in requests
        for id_ in amended_positions(request)
        if (pair := _pair_of(entities.get(id_))) and str(pair) not in newest
    ]
    if before:
        names = list({str(pair) for pair in before})
        newest = {**newest, **dict(fetch_in_pipeline(cursor, pipeline, _NEWEST, [names]))}
    counts = {
        name: 0 if entry is None else parse_revisions(entry).get(name)
        for name, entry in newest.items()
    }
    if uncounted := [name for name, count in counts.items() if count is None]:
        counts.update(dict(fetch_in_pipeline(cursor, pipeline, _COUNT, [uncounted])))
    return {pair: counts[str(pair)] or 0 for pair in (*pairs, *before)}


def _pair_of(position: Entity | None) -> Pair | None:
    """The pair that a position is about, if there is such a position."""
    if position is None or position.kind != "position":
        return None
    return Pair(position.touches.actors[0], position.touches.topics[0])
