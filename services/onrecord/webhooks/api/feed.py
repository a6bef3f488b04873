"""Queries for the feed of an endpoint and the dry run of a filter.

The feed is for a receiver that was down or does not use webhooks; the dry run helps to choose a
filter. Both find events as the fan-out does (`matching`), and the feed renders them as a delivery
does (`payload`): from the ledger, not from what was sent.
"""

from typing import Final

from sqlalchemy import text

from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.webhooks import payload
from onrecord.webhooks.api.responses import DryRun, Matched
from onrecord.webhooks.matching import CHANGE_TYPE, MATCHED, Filter

MAX_LISTED: Final = 100  # events that a dry run lists
RENDERED_AT_ONCE: Final = 20  # a position may have 6 MB of words under it
MAX_QUERIES: Final = 20  # for a page; one is enough unless an actor was merged for a time

_DETAILS: Final = text("""
SELECT e.id AS event, e.seq, parsed.entry ->> 'type' AS type,
    CAST(parsed.entry ->> 'recorded_at' AS timestamptz) AS recorded_at,
    CASE WHEN parsed.entry ->> 'type' = :change_type THEN (
        SELECT c.kind FROM projections.changes c
        WHERE c.id = e.id AND c.open_seq = e.seq AND c.generation = (SELECT generation
            FROM projections.checkpoints WHERE live AND name = 'changes')
    ) END AS kind
FROM ledger.entries e CROSS JOIN LATERAL (
    SELECT convert_from(e.entry, 'UTF8')::jsonb AS entry OFFSET 0) parsed
WHERE e.seq = ANY (CAST(:seqs AS bigint[])) ORDER BY e.seq DESC
""")


async def feed_page(
    pool: Pool, filter_: Filter, start: int, limit: int, public_url: str
) -> tuple[list[bytes], int | None]:
    """Bodies of up to `limit` events from seq `start` on, and where the next page starts.

    There is a next page if another event passes. Where `MAX_QUERIES` find fewer than `limit`
    events, it is not known yet whether one does, and the next page continues the search.
    """
    end = await matchable_size(pool)
    seqs: list[int] = []
    for _ in range(MAX_QUERIES):
        matched, following = await match_page(pool, filter_, start=start, end=end, limit=limit + 1)
        seqs += matched
        if following is None or len(seqs) > limit:
            break
        start = following
    if len(seqs) > limit:
        following = seqs[limit]
    bodies: list[bytes] = []
    for n in range(0, len(seqs[:limit]), RENDERED_AT_ONCE):
        listed = seqs[:limit][n : n + RENDERED_AT_ONCE]
        rows = await fetch_all(pool, payload.EVENTS, {"seqs": listed})
        bodies += [
            payload.event_body(row, public_url) for row in sorted(rows, key=lambda row: row["seq"])
        ]
    return bodies, following


async def dry_run_filter(pool: Pool, filter_: Filter, last: int) -> DryRun:
    """Which of the `last` events pass a filter."""
    size = await matchable_size(pool)
    start = max(0, size - last)
    seqs, _ = await match_page(pool, filter_, start=start, end=size, limit=last)
    listed = {"seqs": seqs[-MAX_LISTED:], "change_type": CHANGE_TYPE}
    return DryRun(
        from_size=start,
        to_size=size,
        matched=len(seqs),
        items=[Matched.model_validate(row) for row in await fetch_all(pool, _DETAILS, listed)],
    )


async def match_page(
    pool: Pool, filter_: Filter, *, start: int, end: int, limit: int
) -> tuple[list[int], int | None]:
    """The seqs of the next `limit` candidates that pass, and where the next page starts."""
    search = {**filter_.search, "start": start, "end": end, "limit": limit}
    (row,) = await fetch_all(pool, MATCHED, search)
    return row["seqs"], row["next"]


async def matchable_size(pool: Pool) -> int:
    """The size up to which events can be matched and rendered."""
    return int((await fetch_all(pool, payload.DELIVERABLE_SIZE, {}))[0]["size"])
