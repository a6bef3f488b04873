"""All lists of all APIs, with the parameters under which each has four items."""

from typing import Any, Final

from httpx2 import Client

from tests.support import bodies, webhooks
from tests.support.bodies import post
from tests.support.store import Store

PAIR: Final = "/v1/actors/emma/topics/talks"
SLUGS: Final = [f"slug-{n}" for n in range(4)]
LISTS: Final[dict[str, dict[str, Any]]] = {
    "/v1/actors": {"q": "slug"},
    "/v1/topics": {"q": "slug"},
    "/v1/statements": {"actor": "emma"},
    "/v1/changes": {"actor": "emma", "topic": "talks"},
    "/v1/review": {"kind": "same_words"},
    f"{PAIR}/timeline": {"known_at": "9999"},
    f"{PAIR}/history": {"known_at": "9999"},
    "/v1/actors/slug-0/positions": {"as_of": "2022"},
    "/v1/topics/slug-0/positions": {"as_of": "2022"},
    "/v1/events": {"type": "statement.made", "topic": "tariffs"},
    "/v1/endpoints": {},
    "/v1/endpoints/{endpoint}/deliveries": {"state": "pending"},
    "/v1/endpoints/{endpoint}/feed": {"after": 0},
}


def fill(client: Client, store: Store) -> None:
    """Record four items for each list."""
    bodies.register_all(client)
    bodies.register_all(client, SLUGS, SLUGS)
    for _ in range(4):
        webhooks.create_endpoint(
            client, "https://receiver.example/", topics=["tariffs"], types=["statement.made"]
        )
    for n, slug in enumerate(SLUGS):
        words = bodies.content(text=f"Words {n}")
        post(client, "/v1/statements", bodies.statement(topics=["tariffs"], content=words))
        again = bodies.statement(topics=["slug-1"], speakers=[{"actor": "ministry"}], content=words)
        post(client, "/v1/statements", again)
        pairs = {("emma", "talks"), ("slug-0", slug), (slug, "slug-0")}
        for actor, topic in sorted(pairs):
            body = bodies.position(actor=actor, topic=topic, effective=f"2022-01-0{n + 1}")
            post(client, "/v1/positions", body)
    store.fan_out()
