"""Bulk inserts by COPY in binary format.

Called by folds. A row of a position takes some 8 us of Python where SQLAlchemy's insert took 100
(measured, on a busy machine). psycopg's `write_row` is slower: its dumpers of UUIDs and dates are
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

EncodeField = Callable[[Any], bytes]
"""Encodes a value, or None, as a field of COPY: its length in four bytes, and its bytes."""

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_CHUNK: Final = 100
"""Rows sent together: the server writes them while the next are encoded."""
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
    """Write rows, each with a value for every column that is not a generated one."""
    if not rows:
        return
    row_head, columns = _columns(table)
    names = [name for name, _ in columns]
    quoted = ", ".join(f'"{name}"' for name in names)
    into = f'COPY "{schema}"."{table.name}" ({quoted}) FROM STDIN (FORMAT binary)'
    values = itemgetter(*names)
    with conn.cursor() as cursor, cursor.copy(into.encode()) as copy:
        copy.write(_HEADER)
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            # one `map` a column: a Python loop over the fields takes longer
            values_by_column = zip(*map(values, chunk), strict=True)
            fields_by_column = [
                map(encode, column)
                for (_, encode), column in zip(columns, values_by_column, strict=True)
            ]
            encoded_rows = map(b"".join, zip(*fields_by_column, strict=True))
            copy.write(row_head + row_head.join(encoded_rows))
        copy.write(_TRAILER)


@lru_cache
def _columns(table: Table) -> tuple[bytes, list[tuple[str, EncodeField]]]:
    """The bytes before each row of a table, and its columns with their encoders."""
    columns = [
        (column.name, _encoder(column.type)) for column in table.c if column.computed is None
    ]
    return Struct(">h").pack(len(columns)), columns


class _EncodedFields(dict[Any, bytes]):
    """A cache of the short values of a column that come again and again."""

    def __init__(self, encode: EncodeField) -> None:
        super().__init__({None: _NULL})
        self._encode = encode

    def __missing__(self, value: Any) -> bytes:
        data = self._encode(value)
        if len(data) <= _MAX_CACHED_BYTES:
            if len(self) >= _MAX_CACHED:
                self.clear()
                self[None] = _NULL
            self[value] = data
        return data


_MAX_CACHED_BYTES: Final = 100
_MAX_CACHED: Final = 4_096


def _encoder(column_type: Any) -> EncodeField:
    for handled_type, encode, repeated in _ENCODERS:
        if isinstance(column_type, handled_type):
            return _EncodedFields(encode).__getitem__ if repeated else encode
    if isinstance(column_type, ARRAY):
        item_type = column_type.item_type
        return _array_encoder(_OIDS[type(item_type)], _encoder(item_type))
    raise TypeError(f"no way to write a {column_type!r} by COPY; add it to {__name__}")


def _array_encoder(oid: int, encode: EncodeField) -> EncodeField:
    def encode_array(values: Sequence[Any]) -> bytes:
        """The bytes of a one-dimensional array that holds no null."""
        if not values:
            return b"\0\0\0\x0c\0\0\0\0\0\0\0\0" + _length(oid)
        items = b"".join([encode(value) for value in values])
        return _length(20 + len(items)) + _array(1, 0, oid, len(values), 1) + items

    return encode_array


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


_ENCODERS: Final[tuple[tuple[type[Any], EncodeField, bool], ...]] = (
    (BigInteger, lambda value: _NULL if value is None else _int8(8, value), False),
    (Integer, lambda value: _int4(4, value), True),
    (Boolean, lambda value: b"\0\0\0\x01\x01" if value else b"\0\0\0\x01\0", True),
    (Text, _text, True),
    (Uuid, _uuid, False),
    (DateTime, _instant, True),
    (JSONB, _json, False),
)
"""A type of column, its encoder, and whether its values are worth a cache: names, codes, dates.

BigInteger is an Integer to SQLAlchemy, so it comes first.
"""
_OIDS: Final[dict[type[Any], int]] = {Integer: 23, BigInteger: 20, Text: 25, Uuid: 2950}
"""Of PostgreSQL's types, for the head of an array."""
