"""Tests of the turns that endpoints get where there is not room for all of their deliveries.

Claims alone, on rows inserted by the test.
"""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

from onrecord.kit.sql import db
from onrecord.webhooks.delivery.claim import claim_due
from onrecord.webhooks.delivery.connection import SETTINGS, connect_deliverer
from onrecord.webhooks.tables import LOWEST_ID
from tests.support.store import Store
from tests.support.webhooks import run_sql

ENDPOINTS = """
INSERT INTO webhooks.endpoints
    (id, url, types, actors, topics, kinds, ordered, encrypted_secret, size, failures, probe_at)
SELECT lpad(n::text, 32, '0')::uuid, 'https://hooks.example/' || n, '{}', '{}', '{}', '{}', false,
    'whsec_', 0, %d, CASE WHEN %d > 0 THEN now() END
FROM generate_series(1, %d) n
"""
DELIVERIES = """
INSERT INTO webhooks.deliveries (endpoint, seq, event, lane)
SELECT e.id, n, gen_random_uuid(), 0 FROM webhooks.endpoints e, generate_series(1, 5) n
"""
MAKE_PENDING = (
    "UPDATE webhooks.deliveries SET state = 'pending', lease = NULL WHERE state = 'sending'"
)


def claimed_endpoints(
    url: str, claims: int, *, fail_each: bool, healthy: int, probing: int
) -> Counter[UUID]:
    """The endpoints that so many claims take deliveries of.

    `fail_each`: what a claim took is pending again, and due, before the next one.
    """

    async def run() -> Counter[UUID]:
        endpoints: Counter[UUID] = Counter()
        conninfo = db.conninfo(url, role="onrecord_webhooks", **SETTINGS)
        async with await connect_deliverer(conninfo) as conn:
            after = LOWEST_ID
            for _ in range(claims):
                claim = await claim_due(
                    conn, after, healthy=healthy, probing=probing, lease=timedelta(seconds=30)
                )
                after = claim.last_endpoint
                endpoints.update(delivery.endpoint for delivery in claim.deliveries)
                if fail_each:
                    await conn.execute(MAKE_PENDING)
        return endpoints

    return asyncio.run(run())


def test_every_endpoint_gets_its_first_delivery_before_any_gets_its_second(
    store: Store,
) -> None:
    run_sql(store.url, ENDPOINTS % (0, 0, 6))
    run_sql(store.url, DELIVERIES)
    endpoints = claimed_endpoints(store.url, 6, fail_each=False, healthy=1, probing=1)
    assert {1} == set(endpoints.values())
    assert 6 == len(endpoints)


def test_failing_endpoints_are_retried_in_turn(store: Store) -> None:
    run_sql(store.url, ENDPOINTS % (5, 5, 6))
    run_sql(store.url, DELIVERIES)
    endpoints = claimed_endpoints(store.url, 100, fail_each=True, healthy=1, probing=2)
    assert 6 == len(endpoints)
