"""Valid writes to each route of the write API. Used by `test_write_api`."""

from typing import Any
from uuid import uuid4

from httpx2 import Client

from tests.support import bodies
from tests.support.bodies import post

ROUTES = [
    *("actors", "topics", "statements", "positions", "actors/{}/revision", "topics/{}/revision"),
    *("statements/{}/corrections", "statements/{}/retraction"),
    *("positions/{}/corrections", "positions/{}/retraction"),
]


def statement_body(slug: str, **over: Any) -> dict[str, Any]:
    return bodies.statement(speakers=[{"actor": slug}], topics=[slug], **over)


def position_body(slug: str, **over: Any) -> dict[str, Any]:
    return bodies.position(actor=slug, topic=slug, **over)


def write(client: Client, slug: str, route: str) -> tuple[str, dict[str, Any]]:
    """The path and body, with a new id, of a valid write to this route."""
    kind, _, amendment = route.partition("/{}/")
    if not amendment:
        if kind in ("actors", "topics"):
            return f"/v1/{kind}", (bodies.actor if kind == "actors" else bodies.topic)(
                f"{slug}-too"
            )
        return f"/v1/{kind}", (statement_body if kind == "statements" else position_body)(
            slug, id=str(uuid4())
        )
    if amendment == "revision":
        state = (
            bodies.actor(slug, kind="group")
            if kind == "actors"
            else bodies.topic(slug, label="Else")
        )
        return "/v1/" + route.format(slug), {**state, "id": str(uuid4())}
    state = (statement_body if kind == "statements" else position_body)(slug)
    target = post(client, f"/v1/{kind}", state)["id"]
    body = bodies.correction(state) if amendment == "corrections" else bodies.retraction()
    return "/v1/" + route.format(target), {**body, "id": str(uuid4())}
