"""Hashes of the ledger's Merkle tree, put together from those of leaves and subtrees it stores.

Used by the signer and by the audit API, each with its own kind of connection.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from onrecord.kit.sql.db import compiled
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.merkle import HASH_BYTES, Span, combine
from onrecord.kit.tlog.subtrees import HashRange, perfect_root, span_ranges

HASHES: Final = load_query("ledger/queries/hashes.sql")


class HashesMissing(Exception):
    """The ledger does not hold hashes that it must: it is shorter than was thought, or damaged."""


def hashes_params(ranges: Sequence[HashRange]) -> Mapping[str, Any]:
    """The parameters of `HASHES` for at least one range."""
    levels, firsts, lengths = (list(column) for column in zip(*ranges, strict=True))
    return {"levels": levels, "firsts": firsts, "lengths": lengths}


def ranges_of(spans: Sequence[Span]) -> list[HashRange]:
    """The stored hashes to read for spans, in their order."""
    return [wanted for span in spans for wanted in span_ranges(span)]


def span_hashes(spans: Sequence[Span], stored: Sequence[bytes]) -> list[bytes]:
    """The hash of each span, from the stored hashes of `ranges_of(spans)`.

    Raises `HashesMissing`.
    """
    for wanted, hashes in zip(ranges_of(spans), stored, strict=True):
        if len(hashes) != wanted.length * HASH_BYTES:
            stored_count = len(hashes) // HASH_BYTES
            raise HashesMissing(
                f"of level {wanted.level}, {stored_count} of the {wanted.length} hashes from number"
                f" {wanted.first} on are stored"
            )
    roots = iter([perfect_root(hashes) for hashes in stored])
    return [combine([next(roots) for _ in span_ranges(span)]) for span in spans]


def read_span_hashes(conn: psycopg.Connection[Any], spans: Sequence[Span]) -> list[bytes]:
    """The hash of each span, by one query of at most some hundred rows. Raises `HashesMissing`."""
    ranges = ranges_of(spans)
    if not ranges:
        return span_hashes(spans, [])
    cursor = conn.cursor(row_factory=tuple_row)
    rows = cursor.execute(compiled(HASHES), hashes_params(ranges)).fetchall()
    return span_hashes(spans, [hashes or b"" for (hashes,) in rows])
