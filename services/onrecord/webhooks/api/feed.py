"""What would an endpoint be sent, told without sending it?

The feed, for a receiver that was down or wants no webhooks, and the dry run, for somebody who
chooses a filter. Both find events as the fan-out does (`matching`) and the feed tells them as a
delivery does (`render`), from the ledger: nothing here reads what was sent. Called by `routes`.
"""

from functools import cache
from typing import Final

from sqlalchemy import TextClause, text

from onrecord.kit.sql.db import Pool, rows
from onrecord.projections.changes.change_of import KNOWN
from onrecord.webhooks import payload
from onrecord.webhooks.api.schemas import DryRun, Matched
from onrecord.webhooks.matching import Filter, for_one, matched

SHOWN: Final = 100
"""Events that a dry run lists."""


async def page(
    pool: Pool, wanted: Filter, start: int, limit: int
) -> tuple[list[bytes], int | None]:
    """Bodies of up to `limit` events from seq `start` on, and where the next page begins."""
    places = {"start": start, "end": await known(pool), "limit": limit}
    found = await rows(pool, matched(wanted.given), {**wanted.params, **places})
    seqs = [row["seq"] for row in found if row["seq"] is not None]
    told = await rows(pool, payload.EVENTS, {"seqs": seqs})
    bodies = [payload.body(row) for row in sorted(told, key=lambda row: row["seq"])]
    return bodies, found[0]["next"]


async def dry_run(pool: Pool, wanted: Filter, last: int) -> DryRun:
    """Which of the `last` events pass a filter."""
    size = await known(pool)
    start = max(0, size - last)
    places = {"start": start, "end": size, "limit": last, "shown": SHOWN}
    found = await rows(pool, _shown(wanted.given), {**wanted.params, **places})
    return DryRun(
        from_size=start,
        to_size=size,
        matched=found[0]["matched"],
        items=[Matched.model_validate(row) for row in found if row["seq"] is not None],
    )


async def known(pool: Pool) -> int:
    """Up to which size events can be matched."""
    return int((await rows(pool, KNOWN, {}))[0]["size"])


@cache
def _shown(given: frozenset[str]) -> TextClause:
    return text(f"""
    WITH {for_one(given)},
    shown AS (SELECT * FROM found ORDER BY seq DESC LIMIT CAST(:shown AS bigint))
    SELECT (SELECT count(*) FROM found) AS matched, v.id AS event, v.seq, v.type, v.kind,
        v.recorded_at
    FROM (SELECT) one LEFT JOIN (shown JOIN events v USING (seq)) ON true ORDER BY v.seq DESC
    """)
