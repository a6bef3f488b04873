"""Perfect subtrees, and the hashes in tiles from which they are made.

A log stores the hashes of leaves (level 0) and of complete subtrees of 256^L leaves (level L), as
its tiles have them (C2SP tlog-tiles). Every other hash follows from at most 255 neighbours.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from onrecord.kit.tlog.merkle import HASH_BYTES, Span, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
"""Hashes in a full tile."""


class HashRange(NamedTuple):
    """`length` stored hashes of a level, side by side, from index `first` on."""

    level: int
    first: int
    length: int


def span_ranges(span: Span) -> list[HashRange]:
    """The stored hashes of a span: a range for each perfect subtree in it, from the left."""
    ranges, start = [], span.start
    while start < span.end:
        height = (span.end - start).bit_length() - 1
        level, above = divmod(height, HEIGHT)
        ranges.append(HashRange(level, start >> (level * HEIGHT), 1 << above))
        start += 1 << height
    return ranges


def perfect_root(hashes: bytes) -> bytes:
    """The root over 2^k hashes of `HASH_BYTES` bytes each, given one after the other."""
    nodes = split_hashes(hashes)
    if not nodes or len(nodes) & (len(nodes) - 1):
        raise ValueError(f"{len(nodes)} hashes make no perfect subtree")
    while len(nodes) > 1:
        nodes = [node_hash(nodes[n], nodes[n + 1]) for n in range(0, len(nodes), 2)]
    return nodes[0]


def split_hashes(hashes: bytes) -> Sequence[bytes]:
    """The hashes of a tile, one by one. Raises ValueError if the last one is cut."""
    if len(hashes) % HASH_BYTES:
        raise ValueError(f"{len(hashes)} bytes are no whole number of hashes")
    return [hashes[n : n + HASH_BYTES] for n in range(0, len(hashes), HASH_BYTES)]
