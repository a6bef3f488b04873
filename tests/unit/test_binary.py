"""Does PostgreSQL's driver read back what we write for PostgreSQL to receive?"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import Transformer
from psycopg.postgres import types
from psycopg.pq import Format

from onrecord.kit.sql import binary

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


def read(type_: str, data: bytes, *, array: bool = True) -> Any:
    found = types[type_]
    oid = found.array_oid if array else found.oid
    return Transformer().get_loader(oid, Format.BINARY).load(data)


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_integers_are_read_back(values: list[int]) -> None:
    assert values == read("int8", binary.integers(values))
    assert values == [read("int8", binary.integer(one), array=False) for one in values]


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 5))))
def test_repeated_integers_are_read_back(values: list[tuple[int, int]]) -> None:
    data = binary.repeated([one for one, _ in values], [times for _, times in values])
    assert [one for one, times in values for _ in range(times)] == read("int8", data)


@given(st.lists(st.uuids()))
def test_uuids_are_read_back(values: list[UUID]) -> None:
    assert values == read("uuid", binary.uuids(values))


@given(st.lists(st.binary()))
def test_bytes_are_read_back(values: list[bytes]) -> None:
    assert values == read("bytea", binary.blobs(values))


@given(st.lists(st.none() | WORDS))
def test_texts_are_read_back_and_what_is_no_text(values: list[str | None]) -> None:
    assert values == read("text", binary.texts(values))


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_read_back(value: datetime) -> None:
    assert value == read("timestamptz", binary.instant(value), array=False)


def test_an_instant_is_the_same_wherever_it_is_told() -> None:
    here = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    there = here.astimezone(timezone(timedelta(hours=-5, minutes=-30)))
    assert binary.instant(here) == binary.instant(there)


@pytest.mark.parametrize(
    ("write", "type_"),
    [
        (binary.integers, "int8"),
        (binary.uuids, "uuid"),
        (binary.blobs, "bytea"),
        (binary.texts, "text"),
    ],
)
def test_an_array_says_of_what_it_is_also_where_it_is_empty(
    write: Callable[[Sequence[Any]], bytes], type_: str
) -> None:
    assert types[type_].oid == int.from_bytes(write([])[8:12])
