"""Requests that schemathesis generates from our OpenAPI document, valid and invalid.

Used by `run`. The generators and the client of schemathesis are synchronous.
"""

import json
from collections.abc import Callable
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode

from tests.support.commands import User

Note = Callable[[str, object, int | None, bool], None]


@schemathesis.serializer("application/x-ndjson")
def serialize_line(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """A batch of one line."""
    return json.dumps(value).encode()


def send_generated(user: User, count: int, seed_: int, note: Note) -> None:
    """Send `count` requests, shared evenly among the operations and both modes."""
    address = f"http://127.0.0.1:{user.port}"
    schema: Any = schemathesis.openapi.from_url(f"{address}/openapi.json", headers=user.headers)
    operations = [result.ok() for result in schema.get_all_operations()]
    each = max(1, count // (2 * len(operations)))
    for operation in operations:
        without_input = not any(operation.body) and not any(operation.iter_parameters())
        modes = [GenerationMode.POSITIVE] if without_input else list(GenerationMode)
        for mode in modes:
            _send(operation.as_strategy(mode), user, each, seed_, note)


def _send(strategy: Any, user: User, count: int, seed_: int, note: Note) -> None:
    address, headers = f"http://127.0.0.1:{user.port}", user.headers
    remaining = iter(range(count))

    @seed(seed_)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def send(case: Any) -> None:
        if next(remaining, None) is None:
            return
        if str((case.query or {}).get("min_size", "")).isdecimal():
            case.query["min_size"] = 1  # each request would wait for its size in turn
        try:
            response = case.call(
                base_url=address, headers=headers, timeout=60, allow_redirects=False
            )
        except requests.RequestException:
            note("generated", case, None, False)
            return
        note("generated", case, response.status_code, "retry-after" in response.headers)

    send()
