"""Start of a replay: events of the past that an endpoint is sent again.

Run by the routes of the webhooks API. The fan-out queues the deliveries (`catch_up`).
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from onrecord.kit.sql.db import Pool, Row, fetch_all
from onrecord.webhooks.api.endpoints import execute_once
from onrecord.webhooks.api.feed import match_pages
from onrecord.webhooks.matching import Filter

COUNT_PAGE: Final = 10_000  # events that one statement counts

_SIZE_BEFORE: Final = text("""
SELECT coalesce((SELECT size FROM ledger.commits WHERE recorded_at < :since
    ORDER BY size DESC LIMIT 1), 0) AS size
""")
# Up to where the endpoint is level: what comes later is sent anyway.
_END: Final = text("""
SELECT coalesce((SELECT from_seq FROM webhooks.endpoints WHERE id = CAST(:id AS uuid)),
    (SELECT size FROM webhooks.checkpoints WHERE name = 'fan_out')) AS size
""")
_INSERT: Final = text("""
INSERT INTO webhooks.replays (endpoint, from_seq, to_seq, at_seq, events)
VALUES (CAST(:id AS uuid), CAST(:start AS bigint), CAST(:end AS bigint),
    CAST(:start AS bigint), CAST(:events AS bigint))
ON CONFLICT (endpoint) WHERE ended_at IS NULL DO NOTHING RETURNING id
""")


async def start_replay(
    pool: Pool, endpoint: Row, from_size: int | None, since: datetime | None
) -> bool:
    """Start a replay from a size, or from a time; False if one is running already."""
    id_: UUID = endpoint["id"]
    start = from_size
    if start is None:
        start = (await fetch_all(pool, _SIZE_BEFORE, {"since": since}))[0]["size"]
    end = max(start, (await fetch_all(pool, _END, {"id": id_}))[0]["size"])
    events = await _count(pool, Filter.of(endpoint), start, end)
    params = {"id": id_, "start": start, "end": end, "events": events}
    return bool(await execute_once(pool, _INSERT, params))


async def _count(pool: Pool, filter_: Filter, start: int, end: int) -> int:
    """How many events pass, counted in pages, so that no statement takes long."""
    pages = match_pages(pool, filter_, start=start, end=end, limit=COUNT_PAGE)
    return sum([len(page) async for page in pages])
