"""The Merkle tree over entries that were checked, by the hashes of whole bundles.

A bundle of 256 entries is one subtree. With the hash of each, every tile of a higher level, and the
root of every size, follows from few hashes. Used by `run`.
"""

from collections.abc import Iterator, Sequence

from onrecord.kit.tlog.merkle import combine, node_hash
from onrecord.kit.tlog.subtrees import HEIGHT, WIDTH, perfect_root


def root_over(subtrees: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
    """The root over complete subtrees of 256 leaves each, and the leaves that follow them."""
    peaks: list[tuple[int, bytes]] = []
    for height, hashes in ((HEIGHT, subtrees), (0, leaves)):
        for added in hashes:
            level, top = height, added
            while peaks and peaks[-1][0] == level:
                top = node_hash(peaks.pop()[1], top)
                level += 1
            peaks.append((level, top))
    return combine([top for _, top in peaks])


def upper_levels(subtrees: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Levels of tiles from 1 on, each with the hashes of its complete subtrees."""
    level, hashes = 1, subtrees
    while hashes:
        yield level, hashes
        full = len(hashes) - len(hashes) % WIDTH
        hashes = [perfect_root(b"".join(hashes[n : n + WIDTH])) for n in range(0, full, WIDTH)]
        level += 1


def first_difference(left: bytes, right: bytes, width: int) -> int | None:
    """The index of the first item in which two rows of items of `width` bytes differ."""
    if left == right:
        return None
    for n in range(0, max(len(left), len(right)), width):
        if left[n : n + width] != right[n : n + width]:
            return n // width
    return None
