"""Queries for the feed of an endpoint and the dry run of a filter.

The feed is for a receiver that was down or does not use webhooks; the dry run helps to choose a
filter. Both find events as the fan-out does (`matching`), and the feed renders them as a delivery
does (`payload`): from the ledger, not from what was sent.
"""

from collections.abc import AsyncGenerator
from typing import Final

from sqlalchemy import text
from starlette.requests import Request

from onrecord.domain.event_types import CHANGE_TYPE
from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.webhooks import payload
from onrecord.webhooks.api.responses import DryRun, Matched
from onrecord.webhooks.matching import MATCHED, Filter

MAX_LISTED: Final = 100  # events that a dry run lists
RENDERED_AT_ONCE: Final = 20  # a position may have 6 MB of words under it

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
    request: Request, pool: Pool, filter_: Filter, start: int, limit: int, public_url: str
) -> tuple[list[bytes], int | None]:
    """Bodies of up to `limit` events from seq `start` on, and where the next page starts.

    There is a next page if and only if another event passes, however far the search must go.
    """
    end = await matchable_size(pool)
    seqs: list[int] = []
    async for matched in match_pages(pool, filter_, start=start, end=end, limit=limit + 1):
        seqs += matched
        if len(seqs) > limit or await request.is_disconnected():
            break
    following = seqs[limit] if len(seqs) > limit else None
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
    pages = match_pages(pool, filter_, start=start, end=size, limit=last)
    seqs = [seq async for page in pages for seq in page]
    listed = {"seqs": seqs[-MAX_LISTED:], "change_type": CHANGE_TYPE}
    return DryRun(
        from_size=start,
        to_size=size,
        matched=len(seqs),
        items=[Matched.model_validate(row) for row in await fetch_all(pool, _DETAILS, listed)],
    )


async def match_pages(
    pool: Pool, filter_: Filter, *, start: int, end: int, limit: int
) -> AsyncGenerator[list[int]]:
    """The seqs from `start` up to `end` that pass, at most `limit` a page, in short queries."""
    following: int | None = start
    while following is not None and following < end:
        search = {**filter_.search, "start": following, "end": end, "limit": limit}
        (row,) = await fetch_all(pool, MATCHED, search)
        yield row["seqs"]
        following = row["next"]


async def matchable_size(pool: Pool) -> int:
    """The size up to which events can be matched and rendered."""
    return int((await fetch_all(pool, payload.DELIVERABLE_SIZE, {}))[0]["size"])
