"""The Merkle tree over entries that were checked, by the hashes of whole bundles.

A bundle of 256 entries is one subtree. With the hash of each, every tile of a higher level, and the
root of every size, follows from few hashes. Used by `bundles` and `log_run`.
"""

from collections.abc import Iterator, Sequence

from onrecord.kit.tlog.merkle import HASH_BYTES, combine, node_hash
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


class EntryTree:
    """The tree over the entries that were checked so far.

    A row is the leaf hash and the id of an entry. `old_size`: of the checkpoint of last time.
    """

    def __init__(self, old_size: int | None) -> None:
        self._old_size = old_size
        self.subtrees: list[bytes] = []
        """The hashes of full bundles."""
        self.rest: list[bytes] = []
        """The rows of the entries after the last full bundle."""
        self.old_root: bytes | None = None
        """The root over the first `old_size` entries; None until they are there."""

    @property
    def size(self) -> int:
        return len(self.subtrees) * WIDTH + len(self.rest)

    def root(self) -> bytes:
        return root_over(self.subtrees, [row[:HASH_BYTES] for row in self.rest])

    def add(self, rows: list[bytes], leaves: list[bytes]) -> None:
        """Add a bundle, in place of the partial one. `rows`: of all entries in it."""
        first = len(self.subtrees) * WIDTH
        if self._old_size is not None and first <= self._old_size <= first + len(leaves):
            self.old_root = root_over(self.subtrees, leaves[: self._old_size - first])
        if len(leaves) == WIDTH:
            self.subtrees.append(perfect_root(b"".join(leaves)))
            self.rest = []
        else:
            self.rest = rows


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
