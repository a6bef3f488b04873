"""Who entered what, and when, in every answer that shows a record."""

from collections.abc import Iterator
from typing import Any

from httpx2 import Client

from tests.support.bodies import (
    correction,
    get,
    position,
    post,
    register_all,
    retraction,
    statement,
)
from tests.support.keys import KEY_ID
from tests.support.store import Store

READS = (
    *("actors", "actors/emma", "topics", "topics/talks", "statements", "changes", "review"),
    *("actors/emma/positions", "topics/talks/positions"),
    *(f"actors/emma/topics/talks/{name}" for name in ("position", "timeline", "history")),
)
NO_RECORDS = {"known", "previous", "alternatives"}
"""Members that refer to records, and show none."""


def records(answer: Any) -> Iterator[dict[str, Any]]:
    """The objects in an answer that have a seq or are named by an id and recorded."""
    if isinstance(answer, list):
        for item in answer:
            yield from records(item)
    elif isinstance(answer, dict):
        if "recorded_at" in answer or "event" in answer or "seq" in answer:
            yield answer
        for name, value in answer.items():
            if name not in NO_RECORDS:
                yield from records(value)


def test_every_record_in_an_answer_says_who_recorded_it_and_when(
    store: Store, client: Client
) -> None:
    register_all(client)
    ids = [post(client, "/v1/statements", statement(note=str(n)))["id"] for n in range(3)]
    held = post(client, "/v1/positions", position(basis=ids[:2]))["id"]
    doubted = post(client, "/v1/positions", position(effective="2023", basis=ids[:1]))["id"]
    changed = correction(position(summary="Still for talks.", basis=ids[:2]))
    post(client, f"/v1/positions/{held}/corrections", changed)
    post(client, f"/v1/statements/{ids[1]}/corrections", correction(statement(note="New.")))
    post(client, f"/v1/statements/{ids[0]}/retraction", retraction())
    post(client, "/v1/positions", position(topic="tariffs", basis=[ids[1]]))
    store.catch_up()
    counted = 0
    for path in (*READS, f"statements/{ids[0]}", f"statements/{ids[1]}"):
        for record in records(get(client, f"/v1/{path}")):
            counted += 1
            assert (str(KEY_ID), True) == (record["recorded_by"], bool(record["recorded_at"])), path
    assert counted > 30
    assert get(client, f"/v1/statements/{ids[0]}")["closed"]["recorded_by"] == str(KEY_ID)
    history = get(client, "/v1/actors/emma/topics/talks/history")["items"]
    assert [True, False, False] == [item["closed"] is not None for item in history], doubted
    assert {"unsupported", "same_words"} <= {
        finding["kind"] for finding in get(client, "/v1/review")["items"]
    }
