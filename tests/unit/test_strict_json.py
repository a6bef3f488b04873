"""Strict JSON: what is accepted, what is refused, and the message that says why."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.http.strict_json import MAX_DEPTH, NotStrictJson, loads

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
"""Any characters that can be kept: no NUL, no surrogates."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**60), 10**60) | WORDS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)
"""JSON without floats; `max_leaves` keeps it far above the deepest nesting allowed."""


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + closing * depth).encode()


def why(body: bytes) -> str:
    """What the refusal of a body says."""
    with pytest.raises(NotStrictJson) as refusal:
        loads(body)
    return str(refusal.value)


@given(JSON, st.booleans(), st.sampled_from([None, 1]), st.sampled_from([(", ", ": "), (",", ":")]))
def test_output_of_the_json_module_is_accepted(
    value: Any, ascii_only: bool, indent: int | None, separators: tuple[str, str]
) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators)
    assert value == loads(written.encode())


@given(JSON, st.sampled_from([(", ", ": "), (",", ":")]))
def test_a_key_given_twice_is_refused_however_it_is_written(
    value: Any, separators: tuple[str, str]
) -> None:
    comma, colon = separators
    written = json.dumps(value, ensure_ascii=False, separators=separators)
    twice = f'[{{"a"{colon}{written}{comma}"a"{colon}{written}}}]'
    assert why(twice.encode()) == "the key 'a' is given twice in one object"


@given(WORDS, st.integers(0, 40))
def test_brackets_within_strings_do_not_count(words: str, brackets: int) -> None:
    text = '\\"' + "[{" * brackets + words + "]" * brackets
    assert {text: [text]} == loads(json.dumps({text: [text]}).encode())


@given(st.binary(max_size=60))
def test_any_bytes_are_either_accepted_or_refused(body: bytes) -> None:
    try:
        value = loads(body)
    except NotStrictJson:
        return
    assert value == json.loads(body)


def test_thirty_two_levels_are_read() -> None:
    expected: Any = []
    for _ in range(MAX_DEPTH - 1):
        expected = [expected]
    assert (32, expected) == (MAX_DEPTH, loads(nested(MAX_DEPTH)))


@pytest.mark.parametrize(
    "body",
    [
        nested(33),
        nested(10_000),
        b"[" * 10_000,
        nested(33, '{"a":', "}").replace(b":}", b":1}"),
        b'["a",' + nested(32) + b"]",
        b'["\\\\",' + nested(32) + b"]",
        b'["\\"]",' + nested(32) + b"]",
        b"[[],[],[],[],[],[]," + nested(32) + b"]",
    ],
    ids=["33", "10000", "unclosed", "objects", "string", "backslash", "quote", "siblings"],
)
def test_deeper_nesting_is_refused(body: bytes) -> None:
    assert why(body) == "nested deeper than 32"


def test_many_brackets_that_are_not_deep_are_read() -> None:
    assert loads(b"[" + b",".join([b"[]"] * 5_000) + b"]") == [[]] * 5_000


@pytest.mark.parametrize(
    "unopened", [b"]" * 40 + nested(40), b'"' + nested(40), b"\\" + nested(33)]
)
def test_bytes_that_are_no_json_are_refused_however_deep_they_look(unopened: bytes) -> None:
    assert re.match("not JSON|nested deeper", why(unopened))


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'[{"x":{"b":1,"a":1,"a":null}}]'],
    ids=["plain", "escaped", "inside"],
)
def test_a_key_given_twice_is_refused(body: bytes) -> None:
    assert why(body) == "the key 'a' is given twice in one object"


def test_the_same_key_in_two_objects_is_read() -> None:
    assert loads(b'[{"a":1},{"a":{"a":2}}]') == [{"a": 1}, {"a": {"a": 2}}]


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_refused(name: str) -> None:
    assert f"not JSON: {name}" == why(f'{{"order": {name}}}'.encode())


def test_an_integer_is_read_in_full() -> None:
    assert loads(b"1" + b"0" * 4_000) == 10**4_000


def test_an_integer_of_too_many_digits_is_refused() -> None:
    assert why(b"1" * 5_000).startswith("not JSON that can be kept")


def test_a_byte_order_mark_is_refused() -> None:
    assert why(b"\xef\xbb\xbf{}").startswith("not JSON")


@pytest.mark.parametrize(
    "body",
    [b'"\\u0000"', b'{"\\u0000":1}', b'[["a\\u0000b"]]', b'{"a":{"b":"\\u0000"}}'],
    ids=["string", "key", "list", "object"],
)
def test_an_escaped_nul_is_refused_wherever_it_stands(body: bytes) -> None:
    assert "NUL" in why(body)


def test_a_bare_nul_is_refused() -> None:
    assert why(b'"a\x00b"').startswith("not JSON")


@pytest.mark.parametrize(
    "body",
    [b'"\\ud800"', b'"\\udc00"', b'"\\udc00\\ud800"', b'{"\\uD83d":1}', b'["\\ud83dx"]'],
    ids=["high", "low", "reversed", "key", "before x"],
)
def test_a_lone_surrogate_is_refused(body: bytes) -> None:
    assert "lone surrogate" in why(body)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_an_escaped_backslash_before_u_is_no_escape() -> None:
    assert loads(b'"\\\\u0000 \\\\ud800"') == "\\u0000 \\ud800"


@pytest.mark.parametrize(
    "body",
    [b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b"\xff\xfe{\x00}\x00"],
)
def test_other_encodings_are_refused(body: bytes) -> None:
    assert why(body).startswith("not UTF-8: byte ")


@pytest.mark.parametrize("body", [b"", b" ", b"{", b"{'a':1}", b"[1,]", b"01", b"{} {}", b"/**/1"])
def test_invalid_json_is_refused_with_line_and_column(body: bytes) -> None:
    assert re.fullmatch(r"not JSON: .+ at line \d+, column \d+", why(body))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[' + b"[]," * 40 + b'"' + b'\\"' * 500_000,
        b'{"a":[' + b"[]," * 40 + b'"' + b"\\" * 1_000_001,
        b"{" + b",".join(b'"%d":0' % n for n in range(100_000)) + b',"99999":1}',
        b"[" * 1_000_000,
    ],
    ids=["quotes", "backslashes", "keys", "brackets"],
)
def test_no_body_of_a_mebibyte_is_slow_to_refuse(body: bytes) -> None:
    """Each took minutes or more with a search that starts anew at every place."""
    with pytest.raises(NotStrictJson):
        loads(body)


@pytest.mark.parametrize("body", [b"[%s]" % b",".join([b"1"] * 15_001), None], ids=["list", "deep"])
def test_more_values_than_any_request_has_are_refused(body: bytes | None) -> None:
    nested = json.dumps([{f"k{n}": [n] * 100 for n in range(100)} for _ in range(3)]).encode()
    with pytest.raises(NotStrictJson, match="more than 15,000 values"):
        loads(body or nested)


def test_a_long_text_is_one_value() -> None:
    body = json.dumps({"text": "a, b: [c] " * 50_000}).encode()
    assert loads(body) == json.loads(body)
