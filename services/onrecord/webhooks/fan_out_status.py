"""Status of the fan-out of webhooks: how far it is, and whether it is kept up to date.

Used by `/readyz` of the webhooks API and by `onrecord doctor`.
"""

from typing import Final

from sqlalchemy import text

from onrecord.projections.freshness import STALLED_AFTER

FAN_OUT_PARAMS: Final = {"seconds": STALLED_AFTER.total_seconds()}

FAN_OUT_STATUS: Final = text("""
SELECT c.size, c.moved_at, coalesce(
    abs(extract(epoch FROM clock_timestamp() - greatest(c.moved_at, first_waiting.recorded_at)))
        > CAST(:seconds AS float8)
    AND first_waiting.recorded_at IS NOT NULL,
    false
) AS stalled
FROM webhooks.checkpoints c
LEFT JOIN LATERAL (
    SELECT clock.recorded_at FROM projections.clock
    WHERE clock.open_seq >= c.size AND clock.generation = (
        SELECT generation FROM projections.checkpoints WHERE live AND name = 'clock'
    )
    ORDER BY clock.open_seq LIMIT 1
) first_waiting ON true
WHERE c.name = 'fan_out'
""")
"""One row. The fan-out is stalled where an event waits for it and it has not moved for :seconds."""
