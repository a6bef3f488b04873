"""How does the log of a deleted endpoint go?

Page by page, each a short transaction, so that nothing waits behind a million rows. Called by the
worker's sweeps; what it has not come to yet is out of everybody's sight already.
"""

from typing import Final

from sqlalchemy import Engine, text

PAGE: Final = 5_000

_FORGET: Final = text("""
    WITH gone AS (
        DELETE FROM webhooks.deliveries WHERE id IN (
            SELECT d.id FROM webhooks.endpoints e CROSS JOIN LATERAL (
                SELECT id FROM webhooks.deliveries WHERE endpoint = e.id
                LIMIT CAST(:page AS bigint)) d
            WHERE e.deleted_at IS NOT NULL LIMIT CAST(:page AS bigint))
        RETURNING id
    ), attempts AS (DELETE FROM webhooks.attempts a USING gone WHERE a.delivery = gone.id)
    SELECT count(*) FROM gone
""")
_CLOSE: Final = (
    "DELETE FROM webhooks.interests i USING webhooks.endpoints e"
    " WHERE e.id = i.endpoint AND e.deleted_at IS NOT NULL",
    "DELETE FROM webhooks.replays r USING webhooks.endpoints e"
    " WHERE e.id = r.endpoint AND e.deleted_at IS NOT NULL",
    "DELETE FROM webhooks.endpoints e WHERE e.deleted_at < clock_timestamp() - interval '1 minute'"
    " AND NOT EXISTS (SELECT FROM webhooks.deliveries WHERE endpoint = e.id)",
)
"""The row stays for a minute: a fan-out that began before may still write for it, and so may a
change of its filters that its deletion waited for.
"""


def forget(engine: Engine) -> int:
    """Remove what is left of deleted endpoints, up to `PAGE` deliveries; how many."""
    with engine.begin() as conn:
        if not conn.scalar(_ANY):
            return 0
        gone = int(conn.execute(_FORGET, {"page": PAGE}).scalar_one())
        if gone < PAGE:
            for statement in _CLOSE:
                conn.execute(text(statement))
    return gone


_ANY: Final = text("SELECT EXISTS (SELECT FROM webhooks.endpoints WHERE deleted_at IS NOT NULL)")
