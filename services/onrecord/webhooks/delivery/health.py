"""How is an endpoint doing, and when is it paused without anybody asking?

Called by the deliverer with the results of a moment. A success clears an endpoint; failures in a
row close it but for probes (`claim`), and a `Retry-After` closes it for as long as it says. It is
paused when its receiver says that it is gone, when an ordered delivery has used up its retries,
and when nothing has succeeded for five days; what is pending then stays so until it resumes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog

from onrecord.webhooks.delivery.backoff import GIVE_UP_AFTER
from onrecord.webhooks.delivery.claim import BROKEN, PROBE_EVERY
from onrecord.webhooks.delivery.results import Result
from onrecord.webhooks.tables import PING

log = structlog.get_logger()

BY: Final = "onrecord"
"""Who pauses an endpoint when nobody asked."""

_NOTE: Final = f"""
WITH told AS (
    SELECT * FROM unnest(%(endpoint)b::uuid[], %(ok)b::bool[], %(failed)b::int[],
        %(pause)b::text[], %(quiet)b::interval[]) AS t (endpoint, ok, failed, pause, quiet)
), held AS (
    SELECT e.id, CASE
        WHEN t.pause IS NOT NULL THEN t.pause
        WHEN NOT t.ok AND e.failing_since < clock_timestamp() - %(give_up)b::interval
            THEN 'Nothing has succeeded for five days.' END AS pause
    FROM webhooks.endpoints e JOIN told t ON t.endpoint = e.id ORDER BY e.id FOR UPDATE OF e
)
UPDATE webhooks.endpoints e SET
    failures = CASE WHEN t.ok THEN 0 ELSE e.failures + t.failed END,
    failing_since = CASE WHEN NOT t.ok THEN coalesce(e.failing_since, clock_timestamp()) END,
    probe_at = CASE WHEN NOT t.ok THEN greatest(e.probe_at, clock_timestamp() + t.quiet,
        CASE WHEN e.failures + t.failed >= {BROKEN} THEN clock_timestamp() + %(probe)b::interval END
    ) END,
    paused_at = coalesce(e.paused_at, CASE WHEN h.pause IS NOT NULL THEN clock_timestamp() END),
    paused_by = CASE WHEN e.paused_at IS NULL AND h.pause IS NOT NULL THEN '{BY}'
        ELSE e.paused_by END,
    paused_reason = CASE WHEN e.paused_at IS NULL THEN h.pause ELSE e.paused_reason END,
    from_seq = CASE WHEN e.paused_at IS NULL AND h.pause IS NOT NULL
        THEN coalesce(e.from_seq,
            (SELECT size FROM webhooks.checkpoints WHERE name = 'fan_out'))
        ELSE e.from_seq END
FROM told t, held h, webhooks.endpoints was
WHERE t.endpoint = e.id AND h.id = e.id AND was.id = e.id
RETURNING e.id, e.url, e.failures, CASE WHEN was.paused_at IS NULL THEN e.paused_reason END
"""


async def note(conn: psycopg.AsyncConnection[Any], results: Sequence[Result]) -> None:
    """Keep what these results say of their endpoints. Of those that are well nothing is written."""
    told = _told(results)
    if not told["endpoint"]:
        return
    asked = {**told, "give_up": GIVE_UP_AFTER, "probe": PROBE_EVERY}
    cursor = await conn.execute(_NOTE.encode(), asked, prepare=True)
    for id_, url, failures, paused in await cursor.fetchall():
        if paused is not None:
            log.warning(
                "an endpoint is paused",
                endpoint=str(id_),
                url=url,
                reason=paused,
                failures=failures,
            )


def _told(results: Sequence[Result]) -> dict[str, list[Any]]:
    ok: dict[UUID, bool] = {}
    failed: dict[UUID, int] = {}
    pause: dict[UUID, str | None] = {}
    quiet: dict[UUID, timedelta | None] = {}
    for one in results:
        id_ = one.claimed.endpoint
        if one.ok and not one.claimed.failures and id_ not in failed:
            continue
        if not one.ok and one.claimed.lane == PING:
            continue  # it was somebody's test
        ok[id_] = ok.get(id_, False) or one.ok
        failed[id_] = failed.get(id_, 0) + (not one.ok)
        pause[id_] = pause.get(id_) or one.pause
        quiet[id_] = max((quiet.get(id_), one.quiet), key=lambda asked: asked or timedelta(0))
    return {
        "endpoint": list(ok),
        "ok": list(ok.values()),
        "failed": [failed[id_] for id_ in ok],
        "pause": [pause[id_] for id_ in ok],
        "quiet": [quiet[id_] for id_ in ok],
    }
