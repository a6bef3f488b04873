"""A random word in every section of a statement: after its erasure it is nowhere.

The word is corrected, based on, delivered to receivers that repeat it, searched and sampled by the
planner before.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
from typer.testing import CliRunner

from onrecord.entrypoints.cli import app
from tests.support import bodies, postgres, webhooks
from tests.support.keys import TOKEN
from tests.support.processes import until
from tests.support.receiver import Answer, ReceivedRequest, run_receiver
from tests.support.store import Store, open_store, run_api
from tests.support.traces import SECTIONS, places_of, planted_statement, random_word

FORMATS = ("application/json", "application/x-ndjson", "text/csv")
SHOWING = ("/v1/statements", "/v1/actors/emma/topics/talks/position")
LISTS = (
    *SHOWING,
    "/v1/actors/emma/topics/talks/timeline",
    "/v1/actors/emma/topics/talks/history",
    "/v1/topics/talks/positions",
    "/v1/changes",
    "/v1/review",
    "/v1/review?dismissed=true",
)
"""Reads of statements, and of positions that rest on them."""
KEPT_IN = {
    *("ledger.payloads", "projections.statements", "projections.dismissals"),
    *("reporting.statements", "webhooks.attempts"),
}


@dataclass
class Record:
    """A record in which one statement has the word."""

    store: Store
    client: httpx2.Client
    word: str = field(default_factory=random_word)
    statement: str = field(default_factory=lambda: str(uuid4()))

    def post(self, path: str, body: Any) -> dict[str, Any]:
        return bodies.post(self.client, f"/v1/{path}", body)

    def erase(self, *sections: str) -> str:
        """Erase sections on the command line; its output."""
        options = [f"--section={section}" for section in sections]
        address = f"--url={self.client.base_url}"
        command = ["erase", self.statement, *options, "--ground=gdpr-17", "--yes", address]
        done = CliRunner().invoke(app, command, env={"ONRECORD_KEY": TOKEN})
        assert 0 == done.exit_code, done.output
        return done.output

    def repeat(self, request: ReceivedRequest) -> Answer:
        """The answer of a receiver that repeats the word, and fails at `/failing`."""
        status = 500 if request.path == "/failing" else 200
        return status, {}, self.word.encode() if self.word.encode() in request.body else b"-"


@pytest.fixture(scope="module")
def module_store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def record(module_store: Store) -> Iterator[Record]:
    with run_api(module_store.url) as client:
        bodies.register_all(client)
        yield Record(module_store, client)


def plant(record: Record) -> None:
    """Record the statement with a position, correct it, and dismiss what is found about both."""
    body = planted_statement(
        record.word, id=record.statement, positions=[bodies.additional_position()]
    )
    created = record.post("statements", body)
    correction = bodies.correction(planted_statement(record.word), reason=f"{record.word} misheard")
    corrected = record.post(f"statements/{record.statement}/corrections", correction)
    finding = {
        "kind": "unsupported",
        "certainty": "definite",
        "statements": [record.statement],
        "position": created["positions"][0],
        "known_size": corrected["size"],
        "reason": f"{record.word} is meant",
    }
    record.post("review/dismissals", finding)


def answers_with_word(record: Record, sizes: range) -> set[str]:
    """The reads whose answers hold the word: now in every format, and as JSON at these sizes."""
    get = record.client.get
    at_sizes = [
        f"{path}{'&' if '?' in path else '?'}known_size={size}" for path in LISTS for size in sizes
    ]
    searches = [f"/v1/statements?{name}={record.word}" for name in ("q", "outlet")]
    reads = [(path, "application/json") for path in at_sizes]
    reads += [
        (path, accepted)
        for path in (*LISTS, *searches, "/v1/events", f"/v1/events/{record.statement}")
        for accepted in FORMATS
    ]
    return {
        path
        for path, accepted in reads
        if record.word in get(path, headers={"Accept": accepted}).text
    }


def deliver_everything(record: Record, deliver: Callable[[], int], endpoints: list[str]) -> None:
    """Fan out, and wait until an attempt at each delivery is logged."""

    def attempted() -> bool:
        log = [item for id_ in endpoints for item in webhooks.deliveries(record.client, id_)]
        return all(item["attempts"] and item["state"] != "sending" for item in log)

    deliver()
    until(attempted, "each delivery was attempted")


def similar_to_it(record: Record) -> list[str]:
    """The ids of similar statements in the answer to a dry run."""
    body = planted_statement(record.word, id=str(uuid4()))
    answer = record.client.post("/v1/statements", json=body, params={"dry_run": "1"})
    return [item["id"] for item in answer.json()["similar"]]


def test_an_erased_word_is_nowhere(record: Record) -> None:
    store, client = record.store, record.client
    with run_receiver(record.repeat) as receiver, webhooks.run_delivery(store) as deliver:
        echoing = webhooks.create_endpoint(client, receiver.url())
        # of one event, as a failing endpoint is sent the next one only after a while
        failing = webhooks.create_endpoint(
            client, receiver.url("/failing"), types=["statement.corrected"]
        )
        endpoints = [echoing["id"], failing["id"]]
        plant(record)
        other = record.post("statements", bodies.statement(topics=["talks", "tariffs"]))["id"]
        later = bodies.position(basis=[record.statement, other], effective="2022-12-05")
        position = record.post("positions", later)["id"]
        record.post(f"positions/{position}/retraction", bodies.retraction())
        record.erase("note")  # its delivery has the other sections
        deliver_everything(record, deliver, endpoints)
        with psycopg.connect(store.url, autocommit=True) as conn:
            conn.execute("ANALYZE")
        before = client.get(f"/v1/statements/{record.statement}")
        assert [record.statement] == similar_to_it(record)
        assert KEPT_IN <= places_of(store.url, record.word)
        own = f"/v1/events/{record.statement}"
        assert {*SHOWING, "/v1/events", own} <= answers_with_word(record, range(0))
        logs = [
            f"/v1/endpoints/{id_}/{part}" for id_ in endpoints for part in ("feed", "deliveries")
        ]
        assert all(record.word in client.get(path).text for path in logs)

        record.erase(*SECTIONS)
        deliver_everything(record, deliver, endpoints)
        assert set() == places_of(store.url, record.word)
        assert set() == answers_with_word(record, range(bodies.get(client, "/v1/ledger")["size"]))
        assert not any(record.word in client.get(path).text for path in logs)
        unchanged = {"If-None-Match": before.headers["ETag"]}
        assert 200 == client.get(before.request.url.path, headers=unchanged).status_code
        assert [] == similar_to_it(record)
