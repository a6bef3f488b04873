"""A record for tests of feeds, embedding and JSON-LD: corrections, a spokesman, hostile text."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from tests.support import bodies, postgres
from tests.support.store import Store, open_store, run_api

HOSTILE = "</script><script>alert(1)</script>]]><img src=x onerror=alert(1)> & \"' \x08\u2028\u202e"
SOURCE = "<p>The minister spoke. <b>We are</b> ready to talk. More text follows.</p>"
"""A source that has the words of `FULL_STATEMENT`."""


@dataclass(frozen=True)
class StandardRecord:
    """The APIs over the record, and ids in it."""

    client: httpx2.Client
    store: Store
    statement: str
    hostile: str
    position: str
    correction: str
    """The event that corrected the position: our mistake."""


@contextmanager
def open_standard_record(server_url: str, template: str) -> Iterator[StandardRecord]:
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(store.url) as client,
    ):
        yield _record(client, store)


def _record(client: httpx2.Client, store: Store) -> StandardRecord:
    bodies.register_all(client)
    names = [{"name": HOSTILE, "lang": "en"}]
    bodies.post(client, "/v1/actors", bodies.actor("mallory", names=names))
    registered = bodies.actor("new", identifiers={"wikidata": "Q1"})
    bodies.post(client, "/v1/actors", registered)
    statement = bodies.post(client, "/v1/statements", bodies.FULL_STATEMENT)["id"]
    selector = {"exact": HOSTILE, "prefix": HOSTILE}
    hostile = bodies.statement(
        speakers=[{"actor": "mallory", "role": HOSTILE}],
        content=bodies.content(text=HOSTILE),
        evidence=[bodies.evidence(outlet=HOSTILE, title=HOSTILE, selector=selector)],
    )
    hostile_id = bodies.post(client, "/v1/statements", hostile)["id"]
    position = bodies.post(client, "/v1/positions", bodies.position(basis=[statement]))["id"]
    mallory = bodies.position(actor="mallory", summary=HOSTILE)
    bodies.post(client, "/v1/positions", mallory)
    neutral = bodies.position(topic="tariffs", stance="neutral")
    retracted = bodies.post(client, "/v1/positions", neutral)["id"]
    corrected = bodies.position(basis=[statement], stance="oppose")
    path = f"/v1/positions/{position}/corrections"
    correction = bodies.post(client, path, bodies.correction(corrected))
    bodies.post(client, f"/v1/positions/{retracted}/retraction", bodies.retraction())
    store.catch_up()
    event = correction.get("event") or correction["id"]
    return StandardRecord(client, store, statement, hostile_id, position, event)
