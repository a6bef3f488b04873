"""Was the database's clock set back, and what would wait for it in vain?

Every wait here ends at an instant of that clock. Set back by an hour, it would make each retry an
hour late. Called by the deliverer, which holds the clock against one that only goes forward.
"""

import time
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import text

from onrecord.kit.sql.db import compiled
from onrecord.webhooks.delivery.claim import Connection
from onrecord.webhooks.tables import RETRY

log = structlog.get_logger()

SLACK: Final = 1.0
"""Seconds; less is no step, and costs no more than it is."""

_NOW: Final = b"SELECT extract(epoch FROM clock_timestamp())::float8"
_MEND: Final = text(f"""
    WITH retries AS (
        UPDATE webhooks.deliveries SET next_attempt_at = clock_timestamp()
        WHERE state = 'pending' AND lane = {RETRY} AND next_attempt_at > clock_timestamp()
    ), leases AS (
        UPDATE webhooks.deliveries SET lease_until = clock_timestamp() + :lease
        WHERE state = 'sending' AND lease_until > clock_timestamp() + :lease
    ), probes AS (
        UPDATE webhooks.endpoints SET probe_at = clock_timestamp()
        WHERE probe_at > clock_timestamp()
    )
    UPDATE webhooks.replays SET filled_at = clock_timestamp()
    WHERE ended_at IS NULL AND filled_at > clock_timestamp()
""")
"""Idempotent: each process that saw the step may do it. Retries come early, but never late."""


class Clock:
    """What a process knows of the database's clock."""

    def __init__(self) -> None:
        self._ahead = float("-inf")
        """Seconds, at least, by which it was ahead of ours when we last looked."""

    async def look(self, conn: Connection, lease: timedelta) -> None:
        """Make due what a clock that was set back would hold up; leases last `lease` at most."""
        before = time.monotonic()
        (now,) = await (await conn.execute(_NOW, prepare=True)).fetchone() or (before,)
        after = time.monotonic()
        if now - before < self._ahead - SLACK:
            log.warning("the clock was set back", seconds=round(self._ahead - (now - before)))
            await conn.execute(compiled(_MEND), {"lease": lease})
        self._ahead = now - after
