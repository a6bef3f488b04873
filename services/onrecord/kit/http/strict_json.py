"""A parser of JSON that can be stored and served again exactly as it was sent.

Used for request bodies (`strict_bodies`) and lines of a batch (`ingest.lines`). It refuses what is
not UTF-8 or not JSON (RFC 8259), NUL (PostgreSQL's text cannot hold it), lone surrogates (UTF-8 has
none), a key that stands twice in one object (parsers disagree on which counts), nesting deeper than
32, and more values than any request has.
"""

import json
import re
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 15_000
"""More than the largest statement holds. To refuse each of 90,000 fields takes seconds."""
# An unclosed string is a token too; otherwise each quote in it would restart the search.
_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class NotStrictJson(ValueError):
    """The bytes are not JSON that can be stored exactly; the message says why."""


def loads(body: bytes) -> Any:
    """Parse strictly. Raises `NotStrictJson`.

    A body that orjson parses and serializes to the same bytes has no repeated key and no number
    that lost digits, so the slower parser is skipped: a third of the time for most clients.
    """
    try:
        value = orjson.loads(body)
        round_trips = orjson.dumps(value) == body and _depth(body) <= MAX_DEPTH
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        round_trips = False
    if not round_trips:
        value = _loads_slowly(body)
    if len(body) > 2 * MAX_VALUES:  # a value and what parts it from the next have two bytes
        _check_count(value)
    if b"\\u" in body:
        _check_strings(value)
    return value


def _loads_slowly(body: bytes) -> Any:
    """Parse JSON in any notation, and say what is wrong with it."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotStrictJson(f"not UTF-8: byte {error.start} is {error.reason}") from None
    if _depth(body) > MAX_DEPTH:
        raise NotStrictJson(f"nested deeper than {MAX_DEPTH}")
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotStrictJson(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except NotStrictJson:
        raise
    except ValueError:  # an integer of more digits than Python parses
        raise NotStrictJson("not JSON that can be kept: a number has too many digits") from None


def _depth(body: bytes) -> int:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.finditer(body):
        if token[0] in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                return deepest
        elif token[0] in (b"]", b"}"):
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise NotStrictJson(f"the key {key[:80]!r} is given twice in one object")
            seen.add(key)
    return value


def _no_constant(name: str) -> Any:
    raise NotStrictJson(f"not JSON: {name}")


# kept, because `json.loads` makes a decoder each time: a quarter of its time for 1 KB
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _check_count(value: Any) -> None:
    count, remaining = 0, [value] if isinstance(value, dict | list) else []
    while remaining:
        container = remaining.pop()
        values = container.values() if isinstance(container, dict) else container
        count += len(values)
        if count > MAX_VALUES:
            raise NotStrictJson(f"it holds more than {MAX_VALUES:,} values")
        remaining += [item for item in values if isinstance(item, dict | list)]


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise NotStrictJson("a string holds NUL (\\u0000), which cannot be kept")
        if _SURROGATE.search(value):
            raise NotStrictJson("a string holds a lone surrogate, which is no character")
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_strings(key)
            _check_strings(member)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
