"""Hashes of the ledger's Merkle tree for the audit API, by one query each."""

from collections.abc import Sequence

from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.kit.tlog.merkle import Span
from onrecord.kit.tlog.subtrees import HashRange
from onrecord.ledger.stored_hashes import HASHES, hashes_params, ranges_of, span_hashes


async def fetch_hashes(pool: Pool, ranges: Sequence[HashRange]) -> list[bytes]:
    """The stored hashes of each range, one after the other; fewer where the ledger ends."""
    if not ranges:
        return []
    return [row["hashes"] or b"" for row in await fetch_all(pool, HASHES, hashes_params(ranges))]


async def hash_spans(pool: Pool, spans: Sequence[Span]) -> list[bytes]:
    """The hash of each span. Raises `HashesMissing`."""
    return span_hashes(spans, await fetch_hashes(pool, ranges_of(spans)))
