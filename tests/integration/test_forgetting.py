"""Is nothing left of an endpoint that is deleted while something else happens to it?"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from httpx2 import Client

from tests.support import bodies
from tests.support.processes import until
from tests.support.record import Record
from tests.support.webhooks import make

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"


@pytest.fixture
def another(on_record: Record) -> Iterator[psycopg.Connection]:
    with psycopg.connect(on_record.url) as conn:
        yield conn


def test_a_change_that_a_deletion_waits_for_leaves_no_interest(
    client: Client, on_record: Record, another: psycopg.Connection
) -> None:
    bodies.register_all(client)
    made = make(client, "https://hooks.example/in", topics=["talks"])
    id_ = made["id"]
    # As a change does it: the row is held, its interests are written anew.
    another.execute("SELECT FROM webhooks.endpoints WHERE id = %s FOR UPDATE", [id_])
    another.execute("DELETE FROM webhooks.interests WHERE endpoint = %s", [id_])
    another.execute("INSERT INTO webhooks.interests VALUES ('topic', 'tariffs', %s)", [id_])
    with ThreadPoolExecutor(1) as pool, psycopg.connect(on_record.url, autocommit=True) as looks:
        deleting = pool.submit(client.delete, f"/v1/endpoints/{id_}")

        def waits() -> bool:
            row = looks.execute(WAITING, [another.info.dbname]).fetchone()
            return bool(row and row[0])

        until(waits, "the deletion waits for the change")
        another.commit()
        assert 204 == deleting.result().status_code
        on_record.forget()
        left = looks.execute("SELECT FROM webhooks.interests WHERE endpoint = %s", [id_])
        assert [] == left.fetchall()
