"""Tests of the purge of an endpoint that is deleted while something else happens to it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from httpx2 import Client

from tests.support import bodies
from tests.support.processes import until
from tests.support.store import Store
from tests.support.webhooks import create_endpoint

LOCK_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"


@pytest.fixture
def another(store: Store) -> Iterator[psycopg.Connection]:
    with psycopg.connect(store.url) as conn:
        yield conn


def test_a_filter_change_that_a_deletion_waits_for_leaves_no_interests(
    client: Client, store: Store, another: psycopg.Connection
) -> None:
    bodies.register_all(client)
    endpoint = create_endpoint(client, "https://hooks.example/in", topics=["talks"])
    id_ = endpoint["id"]
    # As a change of filters does it: the row is locked, its interests are replaced.
    another.execute("SELECT FROM webhooks.endpoints WHERE id = %s FOR UPDATE", [id_])
    another.execute("DELETE FROM webhooks.interests WHERE endpoint = %s", [id_])
    another.execute("INSERT INTO webhooks.interests VALUES ('topic', 'tariffs', %s)", [id_])
    with ThreadPoolExecutor(1) as pool, psycopg.connect(store.url, autocommit=True) as observer:
        deleting = pool.submit(client.delete, f"/v1/endpoints/{id_}")

        def waits() -> bool:
            row = observer.execute(LOCK_WAITS, [another.info.dbname]).fetchone()
            return bool(row and row[0])

        until(waits, "the deletion waits for the change")
        another.commit()
        assert 204 == deleting.result().status_code
        store.purge()
        left = observer.execute("SELECT FROM webhooks.interests WHERE endpoint = %s", [id_])
        assert [] == left.fetchall()
