"""Purge of deleted endpoints with their delivery logs, and of old secrets, by the worker's sweeps.

Page by page, each a short transaction. The API hides a deleted endpoint at once.
"""

from typing import Final

from sqlalchemy import Engine, text

PAGE: Final = 5_000


def purge_endpoints(engine: Engine) -> int:
    """Delete old secrets whose overlap has ended, and up to `PAGE` deliveries of deleted endpoints.

    Then the endpoints themselves. Returns the number of deliveries.
    """
    with engine.begin() as conn:
        conn.execute(_PURGE_OLD_SECRETS)
        if not conn.scalar(_ANY_DELETED):
            return 0
        purged = int(conn.execute(_PURGE_DELIVERIES, {"page": PAGE}).scalar_one())
        if purged < PAGE:
            conn.execute(_PURGE_INTERESTS)
            conn.execute(_PURGE_REPLAYS)
            conn.execute(_PURGE_ENDPOINTS)
    return purged


# Skips what the deliverer has locked: it locks several endpoints in the order of their ids.
_PURGE_OLD_SECRETS: Final = text("""
UPDATE webhooks.endpoints SET encrypted_old_secret = NULL, old_until = NULL
WHERE id IN (SELECT id FROM webhooks.endpoints WHERE old_until <= clock_timestamp()
    FOR UPDATE SKIP LOCKED)
""")
_ANY_DELETED: Final = text("""
SELECT EXISTS (SELECT FROM webhooks.endpoints WHERE deleted_at IS NOT NULL)
""")
_PURGE_DELIVERIES: Final = text("""
WITH purged AS (
    DELETE FROM webhooks.deliveries WHERE id IN (
        SELECT d.id FROM webhooks.endpoints e CROSS JOIN LATERAL (
            SELECT id FROM webhooks.deliveries WHERE endpoint = e.id
            LIMIT CAST(:page AS bigint)) d
        WHERE e.deleted_at IS NOT NULL LIMIT CAST(:page AS bigint))
    RETURNING id
), attempts AS (DELETE FROM webhooks.attempts a USING purged WHERE a.delivery = purged.id)
SELECT count(*) FROM purged
""")
_PURGE_INTERESTS: Final = text("""
DELETE FROM webhooks.interests i USING webhooks.endpoints e
WHERE e.id = i.endpoint AND e.deleted_at IS NOT NULL
""")
_PURGE_REPLAYS: Final = text("""
DELETE FROM webhooks.replays r USING webhooks.endpoints e
WHERE e.id = r.endpoint AND e.deleted_at IS NOT NULL
""")
# The row stays for a minute: a fan-out that began earlier may still write deliveries for it, and so
# may a change of its filters that the deletion waited for.
_PURGE_ENDPOINTS: Final = text("""
DELETE FROM webhooks.endpoints e WHERE e.deleted_at < clock_timestamp() - interval '1 minute'
    AND NOT EXISTS (SELECT FROM webhooks.deliveries WHERE endpoint = e.id)
""")
