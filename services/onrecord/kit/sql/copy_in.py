"""How are many rows of a table written at once? By COPY in its binary format.

Called by folds. A row of a position takes some 8 us of Python where SQLAlchemy's insert took 100
(measured, on a busy machine). Not by psycopg's `write_row`, whose dumpers of UUIDs and dates are
Python too, and looked up value by value.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from struct import Struct
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from sqlalchemy import BigInteger, Boolean, DateTime, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

Encode = Callable[[Any], bytes]
"""A value, or None, as COPY has it: its length in four bytes, and its bytes."""

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_AHEAD: Final = 100
"""Rows sent at once: the server writes them while the next are encoded."""
_NULL: Final = b"\xff\xff\xff\xff"

_length: Final = Struct(">i").pack
_int4: Final = Struct(">ii").pack
_int8: Final = Struct(">iq").pack
_array: Final = Struct(">iiIii").pack
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400_000_000


def copy_in(
    conn: psycopg.Connection[Any], table: Table, schema: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write rows, each with a value for every column that the database does not work out itself."""
    if not rows:
        return
    head, columns = _columns(table)
    names = [name for name, _ in columns]
    quoted = ", ".join(f'"{name}"' for name in names)
    into = f'COPY "{schema}"."{table.name}" ({quoted}) FROM STDIN (FORMAT binary)'
    values = itemgetter(*names)
    with conn.cursor() as cursor, cursor.copy(into.encode()) as copy:
        copy.write(_HEADER)
        for start in range(0, len(rows), _AHEAD):
            some = rows[start : start + _AHEAD]
            # a map for each column, as a loop of ours over the cells takes longer
            cells = zip(*map(values, some), strict=True)
            parts = [map(encode, each) for (_, encode), each in zip(columns, cells, strict=True)]
            copy.write(head + head.join(map(b"".join, zip(*parts, strict=True))))
        copy.write(_TRAILER)


@lru_cache
def _columns(table: Table) -> tuple[bytes, list[tuple[str, Encode]]]:
    """How a row of a table begins, and how each of its columns is written."""
    columns = [(one.name, _encode(one.type)) for one in table.c if one.computed is None]
    return Struct(">h").pack(len(columns)), columns


class _Again(dict[Any, bytes]):
    """The short values of a column that come again and again, encoded once."""

    def __init__(self, encode: Encode) -> None:
        super().__init__({None: _NULL})
        self._encode = encode

    def __missing__(self, value: Any) -> bytes:
        data = self._encode(value)
        if len(data) <= _SHORT:
            if len(self) >= _MANY:
                self.clear()
                self[None] = _NULL
            self[value] = data
        return data


_SHORT: Final = 100
_MANY: Final = 4_096


def _encode(of: Any) -> Encode:
    for kind, encode, repeated in _ENCODERS:
        if isinstance(of, kind):
            return _Again(encode).__getitem__ if repeated else encode
    if isinstance(of, ARRAY):
        return _items(_OIDS[type(of.item_type)], _encode(of.item_type))
    raise TypeError(f"no way to write a {of!r} by COPY; add it to {__name__}")


def _items(oid: int, encode: Encode) -> Encode:
    def items(values: Sequence[Any]) -> bytes:
        """The bytes of a one-dimensional array that holds no null."""
        if not values:
            return b"\0\0\0\x0c\0\0\0\0\0\0\0\0" + _length(oid)
        inner = b"".join([encode(one) for one in values])
        return _length(20 + len(inner)) + _array(1, 0, oid, len(values), 1) + inner

    return items


def _text(value: str) -> bytes:
    data = value.encode()
    return _length(len(data)) + data


def _uuid(value: UUID | None) -> bytes:
    # as `value.bytes`, without the call that this property is
    return _NULL if value is None else b"\0\0\0\x10" + value.int.to_bytes(16, "big")


def _instant(value: datetime) -> bytes:
    since = value - _EPOCH
    return _int8(8, since.days * _DAY + since.seconds * 1_000_000 + since.microseconds)


def _json(value: Any) -> bytes:
    data = orjson.dumps(value)
    return _length(1 + len(data)) + b"\x01" + data


_ENCODERS: Final[tuple[tuple[type[Any], Encode, bool], ...]] = (
    (BigInteger, lambda value: _NULL if value is None else _int8(8, value), False),
    (Integer, lambda value: _int4(4, value), True),
    (Boolean, lambda value: b"\0\0\0\x01\x01" if value else b"\0\0\0\x01\0", True),
    (Text, _text, True),
    (Uuid, _uuid, False),
    (DateTime, _instant, True),
    (JSONB, _json, False),
)
"""And whether its values come again and again: names, codes, dates, the time of a commit.

BigInteger is an Integer to SQLAlchemy, so it comes first.
"""
_OIDS: Final[dict[type[Any], int]] = {Integer: 23, BigInteger: 20, Text: 25, Uuid: 2950}
"""Of PostgreSQL's types, for the head of an array."""
