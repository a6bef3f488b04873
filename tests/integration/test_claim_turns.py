"""Does everybody who has something to be sent get a turn, where there is not room for all?

The deliverer's claims alone, on rows made by hand: who is taken, and in which turn.
"""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import psycopg

from onrecord.kit.sql import db
from onrecord.webhooks.delivery import claim
from tests.support.record import Record
from tests.support.webhooks import sql

ENDPOINTS = """
INSERT INTO webhooks.endpoints
    (id, url, types, actors, topics, kinds, ordered, secret, size, failures, probe_at)
SELECT lpad(n::text, 32, '0')::uuid, 'https://hooks.example/' || n, '{}', '{}', '{}', '{}', false,
    'whsec_', 0, %d, CASE WHEN %d > 0 THEN now() END
FROM generate_series(1, %d) n
"""
DELIVERIES = """
INSERT INTO webhooks.deliveries (endpoint, seq, event, lane)
SELECT e.id, n, gen_random_uuid(), 0 FROM webhooks.endpoints e, generate_series(1, 5) n
"""
LANDED = "UPDATE webhooks.deliveries SET state = 'pending', lease = NULL WHERE state = 'sending'"


def taken(url: str, rounds: int, *, landing: bool, **room: int) -> Counter[UUID]:
    """Whose deliveries so many claims take; `landing`: each comes back, and is due at once."""

    async def run() -> Counter[UUID]:
        found: Counter[UUID] = Counter()
        told = db.conninfo(url, role="onrecord_webhooks", **claim.SETTINGS)
        async with await psycopg.AsyncConnection.connect(told, autocommit=True) as conn:
            after = claim.NOBODY
            for _ in range(rounds):
                one = await claim.claim(conn, after, **room, lease=timedelta(seconds=30))
                after = one.last
                found.update(each.endpoint for each in one.deliveries)
                if landing:
                    await conn.execute(LANDED)
        return found

    return asyncio.run(run())


def test_each_is_sent_its_first_before_any_is_sent_its_second(on_record: Record) -> None:
    sql(on_record.url, ENDPOINTS % (0, 0, 6))
    sql(on_record.url, DELIVERIES)
    found = taken(on_record.url, 6, landing=False, quick=1, slow=1)
    assert {1} == set(found.values())
    assert 6 == len(found)


def test_of_those_that_fail_none_is_left_out_for_ever(on_record: Record) -> None:
    sql(on_record.url, ENDPOINTS % (5, 5, 6))
    sql(on_record.url, DELIVERIES)
    found = taken(on_record.url, 100, landing=True, quick=1, slow=2)
    assert 6 == len(found)
