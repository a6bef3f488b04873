"""Helpers of the tests of search: record words, and list what a search finds."""

from typing import Any

from httpx2 import Client

from tests.support.bodies import content, get, post, statement


def say(client: Client, text: str, lang: str = "und", **over: Any) -> str:
    """Record a statement of these words; its id."""
    body = statement(content=content(text=text, lang=lang, **over))
    id_: str = post(client, "/v1/statements", body)["id"]
    return id_


def found(client: Client, kind: str, q: str, *, limit: int = 200, **params: Any) -> list[str]:
    """The ids that a search for `q` lists."""
    answer = get(client, f"/v1/{kind}", q=q, limit=limit, **params)
    return [item["id"] for item in answer["items"]]
