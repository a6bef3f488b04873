"""Tests of the NDJSON stream: complete, in order, resumable, and without an open snapshot."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from httpx2 import Client

from onrecord.audit import streams
from onrecord.domain.events import StatementMade
from tests.support import streaming
from tests.support.bodies import get
from tests.support.histories import request, statement_fields
from tests.support.processes import until
from tests.support.store import Store
from tests.support.streaming import FILTERS, NDJSON, read_lines


@pytest.fixture(autouse=True)
def seeded_ledger(store: Store) -> None:
    streaming.seed_stream(store)


def test_lines_from_any_seq_on_equal_the_pages(client: Client) -> None:
    for params in FILTERS:
        for after in (-1, 0, 11, 22, 23, 24):
            items = get(client, "/v1/events", after=after, limit=1_000, **params)["items"]
            lines = read_lines(client, after=after, **params)
            assert items == [json.loads(line) for line in lines]
    assert 24 == len(read_lines(client))


@pytest.mark.parametrize("params", FILTERS, ids=str)
def test_a_stream_that_was_cut_is_resumed_without_gap_or_repetition(
    client: Client, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PAGE", 3)
    expected = read_lines(client, **params)
    assert len(expected) >= 2
    for cut in range(1, len(expected) + 1):
        last = json.loads(expected[cut - 1])["entry"]["seq"]
        assert expected[cut:] == read_lines(client, **params, after=last)


def test_a_stream_holds_no_snapshot_while_its_client_pauses(client: Client, store: Store) -> None:
    """The response is larger than the socket buffers, so the server waits in the middle of it."""
    statements = [
        StatementMade.model_validate(statement_fields("ann", "talks", f"{n:0100000}"))
        for n in range(200)
    ]
    store.append(*(request(uuid4(), statement) for statement in statements))
    with client.stream("GET", "/v1/events", headers=NDJSON) as answer:
        chunks = answer.iter_raw()
        lines = next(chunks).count(b"\n")
        with psycopg.connect(store.url, autocommit=True) as conn:
            until(lambda: idle(conn), "no backend of the audit API holds a snapshot")
        assert lines < 100
        assert 24 + 200 == lines + sum(chunk.count(b"\n") for chunk in chunks)


def idle(conn: psycopg.Connection[Any]) -> bool:
    rows = conn.execute(
        "SELECT state, xact_start, backend_xmin FROM pg_stat_activity"
        " WHERE application_name = 'onrecord_audit' AND datname = current_database()"
    ).fetchall()
    return bool(rows) and all(row == ("idle", None, None) for row in rows)
