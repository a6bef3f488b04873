"""Statements and positions to review, and the findings of the review."""

from typing import Any
from uuid import uuid4

from httpx2 import Client

from tests.support import bodies
from tests.support.store import Store

Json = dict[str, Any]


def state(client: Client, **over: Any) -> str:
    body = bodies.statement(id=str(uuid4()), evidence=[bodies.evidence(url=f"https://n/{uuid4()}")])
    return str(bodies.post(client, "/v1/statements", {**body, **over})["id"])


def agree(client: Client, count: int) -> None:
    """Record statements that were read as support of the talks."""
    said = {"said_at": "2022-11-30", "stances": read_as("support")}
    lines = []
    for _ in range(count):
        evidence = [bodies.evidence(url=f"https://n/{uuid4()}")]
        body = bodies.statement(**said, evidence=evidence)
        lines.append(bodies.line("statement", str(uuid4()), body))
    assert {201} == {result["status"] for result in bodies.send(client, bodies.ndjson(lines))}


def read_as(stance: str) -> list[Json]:
    return [{"topic": "talks", "stance": stance}]


def hold(client: Client, **over: Any) -> str:
    body = bodies.position(**{"actor": "emma", "topic": "talks", "basis": [], **over})
    return str(bodies.post(client, "/v1/positions", body)["id"])


def dismiss(client: Client, store: Store, finding: Json, **over: Any) -> Json:
    """Leave a finding as it is, as it was read just now."""
    store.catch_up()
    size = bodies.get(client, "/v1/review")["known"]["size"]
    body = {**finding["dismiss"], "known_size": size, "reason": "It is a joke.", **over}
    return bodies.post(client, "/v1/review/dismissals", body)


def review(client: Client, store: Store, **params: Any) -> list[Json]:
    """All findings, page by page. Each page that another one promised has some."""
    store.catch_up()
    items, page = [], bodies.get(client, "/v1/review", **params)
    while True:
        items += page["items"]
        if page["next"] is None:
            return items
        page = bodies.get(client, "/v1/review", **params, cursor=page["next"])
        assert page["items"]
