"""The Merkle tree of the ledger (RFC 6962, section 2.1, over SHA-256), as leaves are added.

Used by `insert`. The *frontier* of the tree is stored with each commit: the hashes of the perfect
subtrees into which n = 2^a + 2^b + ... leaves fall, largest first. Appending a leaf merges
neighbours of equal size; the root combines the remaining hashes from the right. The hash
of each complete subtree of 256^L leaves is stored for good, as published tiles hold it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from onrecord.kit.tlog.merkle import combine, node_hash
from onrecord.kit.tlog.subtrees import HEIGHT


class CompleteSubtree(NamedTuple):
    """The hash of the n-th subtree of 256^level leaves."""

    level: int
    n: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """The state of a tree of `size` leaves: one 32-byte hash for each bit set in `size`."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def extended(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """The frontier after these leaves too."""
        return self.append(leaf_hashes)[0]

    def append(self, leaf_hashes: Iterable[bytes]) -> tuple["Frontier", list[CompleteSubtree]]:
        """The frontier after these leaves too, and the subtrees that they complete."""
        size, hashes = self.size, list(self.hashes)
        subtrees: list[CompleteSubtree] = []
        for leaf in leaf_hashes:
            hashes.append(leaf)
            size += 1
            complete, height = size, 0
            while complete % 2 == 0:
                right = hashes.pop()
                hashes[-1] = node_hash(hashes[-1], right)
                complete //= 2
                height += 1
                if height % HEIGHT == 0:
                    subtrees.append(CompleteSubtree(height // HEIGHT, complete - 1, hashes[-1]))
        return Frontier(size, tuple(hashes)), subtrees

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far."""
        return combine(self.hashes)
