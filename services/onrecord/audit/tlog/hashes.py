"""Hashes of the ledger's Merkle tree, from those that are stored: of leaves and of subtrees."""

from collections.abc import Sequence
from typing import Final

from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.merkle import HASH_BYTES, Span, combine
from onrecord.kit.tlog.subtrees import HashRange, perfect_root, span_ranges

_HASHES: Final = load_query("audit/tlog/queries/hashes.sql")


class HashesMissing(Exception):
    """The ledger does not hold hashes that it must: it is shorter than was thought, or damaged."""


async def fetch_hashes(pool: Pool, ranges: Sequence[HashRange]) -> list[bytes]:
    """The stored hashes of each range, one after the other; fewer where the ledger ends."""
    if not ranges:
        return []
    levels, firsts, lengths = (list(column) for column in zip(*ranges, strict=True))
    params = {"levels": levels, "firsts": firsts, "lengths": lengths}
    return [row["hashes"] or b"" for row in await fetch_all(pool, _HASHES, params)]


async def hash_spans(pool: Pool, spans: Sequence[Span]) -> list[bytes]:
    """The hash of each span, by one query. Raises `HashesMissing`."""
    ranges = [span_ranges(span) for span in spans]
    flat = [wanted for of_span in ranges for wanted in of_span]
    stored = await fetch_hashes(pool, flat)
    for wanted, hashes in zip(flat, stored, strict=True):
        if len(hashes) != wanted.length * HASH_BYTES:
            raise HashesMissing(f"{wanted} has {len(hashes) // HASH_BYTES} hashes")
    roots = iter([perfect_root(hashes) for hashes in stored])
    return [combine([next(roots) for _ in of_span]) for of_span in ranges]
