"""Detection of a database clock that was set back, and repair of what would wait for it.

Retries, leases, probes and replays wait for an instant of the database's clock. If that is set back
by an hour, each would be an hour late. The deliverer compares it with a monotonic clock.
"""

import time
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import text

from onrecord.kit.sql.db import compiled
from onrecord.webhooks.delivery.connection import DelivererConnection

log = structlog.get_logger()

TOLERANCE: Final = 1.0  # seconds; a smaller step delays nothing by more than itself

_NOW: Final = b"SELECT extract(epoch FROM clock_timestamp())::float8"
# Idempotent: every process that sees the step may run it. Retries (lane 1) come early, never late.
_MAKE_DUE: Final = text("""
WITH retries AS (
    UPDATE webhooks.deliveries SET next_attempt_at = clock_timestamp()
    WHERE state = 'pending' AND lane = 1 AND next_attempt_at > clock_timestamp()
), leases AS (
    UPDATE webhooks.deliveries SET lease_until = clock_timestamp() + CAST(:lease AS interval)
    WHERE state = 'sending' AND lease_until > clock_timestamp() + CAST(:lease AS interval)
), probes AS (
    UPDATE webhooks.endpoints SET probe_at = clock_timestamp()
    WHERE probe_at > clock_timestamp()
)
UPDATE webhooks.replays SET filled_at = clock_timestamp()
WHERE ended_at IS NULL AND filled_at > clock_timestamp()
""")


class ClockMonitor:
    """Compares the database's clock with this process's monotonic clock at each check."""

    def __init__(self) -> None:
        self._min_offset = float("-inf")  # seconds, at least, between the two at the last check

    async def check(self, conn: DelivererConnection, lease: timedelta) -> None:
        """Make due what waits in vain if the clock was set back; leases last `lease` at most."""
        before = time.monotonic()
        (now,) = await (await conn.execute(_NOW, prepare=True)).fetchone() or (before,)
        after = time.monotonic()
        if now - before < self._min_offset - TOLERANCE:
            step = round(self._min_offset - (now - before))
            log.warning("the clock was set back", seconds=step)
            await conn.execute(compiled(_MAKE_DUE), {"lease": lease})
        self._min_offset = now - after
