"""What was sent to an endpoint, and what came of it?

Queries over deliveries and their attempts, each a value, and what makes some of them due again.
Run by the routes.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import TextClause, text

from onrecord.webhooks.api.schemas import Attempt, Delivery
from onrecord.webhooks.tables import FIRST, PING, RETRY

STATES: Final = ("pending", "sending", "delivered", "failed")

_TOLD: Final = """
    SELECT page.*, e.ordered, h.held_by, a.tried
    FROM page JOIN webhooks.endpoints e ON e.id = page.endpoint
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object('number', number, 'began_at', began_at, 'ok', ok,
            'seconds', seconds, 'status', status, 'error', error,
            'answer', encode(answer, 'hex')) ORDER BY number) AS tried
        FROM webhooks.attempts WHERE delivery = page.id
    ) a ON true
    LEFT JOIN LATERAL (
        SELECT first.id AS held_by FROM (
            (SELECT id, seq FROM webhooks.deliveries
            WHERE endpoint = page.endpoint AND state = 'sending' AND seq IS NOT NULL)
            UNION ALL
            SELECT one.id, one.seq FROM unnest('{0,1,2}'::smallint[]) lanes (lane)
            CROSS JOIN LATERAL (SELECT id, seq FROM webhooks.deliveries
                WHERE endpoint = page.endpoint AND state = 'pending' AND lane = lanes.lane
                ORDER BY seq LIMIT 1) one
        ) first
        WHERE e.ordered AND page.state = 'pending' AND first.seq < page.seq
        ORDER BY first.seq LIMIT 1
    ) h ON true
    ORDER BY page.id DESC
"""
"""Deliveries of `page` with their attempts, and which one holds each back."""

LIST: Final = text(f"""
    WITH page AS (
        SELECT one.* FROM unnest(CAST(:states AS text[])) s (state) CROSS JOIN LATERAL (
            SELECT * FROM webhooks.deliveries WHERE endpoint = CAST(:endpoint AS uuid)
                AND state = s.state AND id < CAST(:before AS bigint)
            ORDER BY id DESC LIMIT CAST(:limit AS bigint)
        ) one
        ORDER BY id DESC LIMIT CAST(:limit AS bigint)
    ) {_TOLD}
""")
"""An endpoint's deliveries in these states, the last made first."""
ONE: Final = text(f"""
    WITH page AS (
        SELECT d.* FROM webhooks.deliveries d JOIN webhooks.endpoints p ON p.id = d.endpoint
        WHERE d.id = CAST(:id AS bigint) AND p.deleted_at IS NULL
    ) {_TOLD}
""")
"""One delivery; no row where there is none."""

_DUE: Final = f"""
    UPDATE webhooks.deliveries SET state = 'pending', tries = 0, ended_at = NULL,
        lane = CASE WHEN lane = {PING} THEN lane WHEN state = 'pending' THEN {RETRY}
            ELSE {FIRST} END,
        next_attempt_at = clock_timestamp()
"""
RESEND: Final = text(f"{_DUE} WHERE id = CAST(:id AS bigint) AND state <> 'sending' RETURNING id")
"""Make one delivery due at once, whatever came of it; its attempts stay."""
RESEND_FAILED: Final[TextClause] = text(f"""
    {_DUE} WHERE id IN (
        SELECT id FROM webhooks.deliveries WHERE endpoint = CAST(:endpoint AS uuid)
            AND state = 'failed' AND ended_at >= :since AND ended_at < :until AND lane <> {PING}
        LIMIT 10000 FOR UPDATE SKIP LOCKED)
    RETURNING id
""")
"""Make due what failed for good in a time, up to 10,000 at once."""


def delivery_out(row: Mapping[str, Any]) -> Delivery:
    """A row of these queries as it is told."""
    tried = [_attempt(one) for one in row["tried"] or ()]
    if row["state"] == "sending":
        begun = {"number": row["attempts"] + 1, "began_at": row["leased_at"], "seconds": None}
        said = {"status": None, "error": None, "answer": None}
        tried.append(Attempt.model_validate({**begun, **said, "result": "under way"}))
    shown = {name: row[name] for name in Delivery.model_fields if name in row}
    kind = "ping" if row["lane"] == PING else "event"
    return Delivery(**{**shown, "kind": kind, "attempts": tried})


_RESULTS: Final = {True: "delivered", False: "failed", None: "unknown"}


def _attempt(one: Mapping[str, Any]) -> Attempt:
    answer = one["answer"] and bytes.fromhex(one["answer"]).decode("utf-8", "replace")
    result = {"result": _RESULTS[one["ok"]], "answer": answer}
    return Attempt.model_validate({**one, **result})
