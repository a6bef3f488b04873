"""Hostile requests by kind: endless generators, the same for the same seed. Used by `run`.

A request is hostile in one way and right otherwise, as one that is wrong everywhere is refused by
the first check that it meets.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from tests.support.bodies import FULL_BODIES

READS: Final = (
    "/v1/actors",
    "/v1/topics",
    "/v1/statements",
    "/v1/changes",
    "/v1/review",
    "/v1/events",
    "/v1/positions",
    "/v1/endpoints",
    "/v1/actors/biden",
    "/v1/actors/biden/positions",
    "/v1/topics/talks-with-russia/positions",
    "/v1/actors/biden/topics/talks-with-russia/position",
    "/v1/actors/biden/topics/talks-with-russia/timeline",
    "/v1/actors/biden/topics/talks-with-russia/history",
)
PARAMETERS: Final = (
    *("actor", "topic", "q", "outlet", "said_from", "said_to", "as_of", "known_at", "known_size"),
    *("min_size", "limit", "cursor", "after", "type", "kind", "stream", "order", "nonsense"),
)
WRITES: Final = tuple(FULL_BODIES)


class HostileRequest(NamedTuple):
    """A request that HTTP can carry; `path` is percent-encoded and holds the query."""

    method: str
    path: str
    body: bytes = b""
    content_type: str = "application/json"


Kind = Callable[[random.Random], Iterator[HostileRequest]]


def parameters(rng: random.Random) -> Iterator[HostileRequest]:
    """Reads with strange values, repeated and unknown parameters, and strange path parts."""
    while True:
        path = rng.choice(READS)
        if rng.random() < 0.2:
            parts = path.split("/")
            parts[rng.randrange(2, len(parts))] = _quoted(strange_bytes(rng))
            path = "/".join(parts)
        pairs = [
            f"{rng.choice(PARAMETERS)}={_quoted(strange_bytes(rng))}"
            for _ in range(rng.choice((1, 1, 2, 3, 40)))
        ]
        method = rng.choice(("GET", "GET", "GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
        yield HostileRequest(method, f"{path}?{'&'.join(pairs)}")


def cursors(rng: random.Random) -> Iterator[HostileRequest]:
    """Forged cursors: of JSON of any shape, of other lists, cut, and with digits changed."""
    while True:
        parts = [strange_json(rng, depth=2) for _ in range(rng.randrange(5))]
        if rng.random() < 0.5:
            parts.insert(0, "".join(rng.choices("0123456789abcdef", k=12)))
        encoded = base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()
        if rng.random() < 0.3:
            encoded = encoded[: rng.randrange(len(encoded))] + _quoted(strange_bytes(rng))
        yield HostileRequest("GET", f"{rng.choice(READS)}?limit=5&cursor={encoded}")


def bodies(rng: random.Random) -> Iterator[HostileRequest]:
    """Writes whose body is right but for a few values, or no JSON, or nested deeply."""
    while True:
        path = rng.choice(WRITES)
        roll = rng.random()
        if roll < 0.7:
            body = dump(mutated(rng, FULL_BODIES[path], rng.randrange(1, 4)))
        elif roll < 0.8:
            depth = rng.choice((10, 33, 1_000, 100_000))
            body = b'{"id":' + b"[" * depth + b"]" * rng.choice((0, depth)) + b"}"
        elif roll < 0.9:
            whole = dump(FULL_BODIES[path])
            cut = rng.randrange(len(whole))
            body = whole[:cut] + strange_bytes(rng) + whole[cut + rng.randrange(4) :]
        else:
            body = rng.randbytes(rng.choice((0, 1, 100, 100_000)))
        content_type = rng.choice(("application/json",) * 8 + ("text/plain", "", "application/x"))
        yield HostileRequest("POST", path, body, content_type)


def batches(rng: random.Random) -> Iterator[HostileRequest]:
    """Batches of strange lines."""
    while True:
        lines: list[bytes] = []
        for _ in range(rng.choice((1, 3, 30))):
            line = {"op": rng.choice(("actor", "topic", "statement", "position", "correction"))}
            body = FULL_BODIES[rng.choice(WRITES)]
            lines.append(dump(mutated(rng, {**line, "id": "emma", "body": body}, 3)))
            if rng.random() < 0.2:
                lines.append(strange_bytes(rng))
        yield HostileRequest("POST", "/v1/batch", b"\n".join(lines), "application/x-ndjson")


def mutated(rng: random.Random, value: Any, count: int) -> Any:
    """A copy of a JSON value with up to `count` of its parts replaced, removed or repeated."""
    copied = json.loads(json.dumps(value))
    for _ in range(count):
        place = copied
        while isinstance(place, dict | list) and place:
            key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if not isinstance(place[key], dict | list) or rng.random() < 0.3:
                roll = rng.random()
                if roll < 0.6:
                    place[key] = strange_json(rng, depth=3)
                elif roll < 0.8 and isinstance(place, dict):
                    place[_text(rng)] = place.pop(key)
                elif isinstance(place, list):
                    place *= rng.choice((2, 70))
                break
            place = place[key]
    return copied


def strange_json(rng: random.Random, depth: int) -> Any:
    """Any JSON value, with a liking for limits."""
    scalars: list[Any] = [
        *(None, True, -1, 0, 2**31, 2**53, 2**63, 10**400, -1e308, 0.1, "", "\ud800", "\x00"),
        *("../2022", "0000-00-00", "9999-12-31", "-0001", "2022-02-30", "2022-01-01T00:00:00+99"),
        _text(rng),
    ]
    if depth and rng.random() < 0.3:
        return [strange_json(rng, depth - 1) for _ in range(rng.randrange(4))]
    if depth and rng.random() < 0.3:
        return {_text(rng): strange_json(rng, depth - 1) for _ in range(rng.randrange(4))}
    return rng.choice(scalars)


def strange_bytes(rng: random.Random) -> bytes:
    """Text with a liking for what parsers trip over; some of it is no UTF-8."""
    samples = (
        *("' OR 1=1 --", "%00", "${7*7}", "../../etc/passwd", "\u202e", "\ufdf2" * 50, "a" * 5_000),
        *("1e999", "-1", "99999999999999999999", "2022-13-01", "../", "NaN", "null", "\r\nX: y"),
    )
    if rng.random() < 0.15:
        return rng.randbytes(rng.randrange(1, 40))
    return rng.choice((*samples, _text(rng))).encode("utf-8", "surrogatepass")


def dump(value: Any) -> bytes:
    """JSON of a value, also of what JSON cannot hold: lone surrogates and numbers of any size."""
    return json.dumps(value).encode()


def _text(rng: random.Random) -> str:
    alphabet = string.printable + "\x00\x1b\u200b\u2028\u0130ß漢字\U0001f600\ud800"
    return "".join(rng.choices(alphabet, k=rng.choice((1, 5, 30))))


def _quoted(raw: bytes) -> str:
    return "".join(f"%{byte:02x}" for byte in raw)
