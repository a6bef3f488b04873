"""The Merkle tree of the ledger (RFC 6962, section 2.1, over SHA-256).

Used by `insert`. Only the *frontier* of the tree is stored: the hashes of the perfect subtrees into
which n = 2^a + 2^b + ... leaves fall, largest first. Appending a leaf merges neighbours of equal
size; the root combines the remaining hashes from the right.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The state of a tree of `size` leaves: one 32-byte hash for each bit set in `size`."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def extended(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """The frontier after these leaves too."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaf_hashes:
            hashes.append(leaf)
            size += 1
            complete = size
            while complete % 2 == 0:
                right = hashes.pop()
                hashes[-1] = node_hash(hashes[-1], right)
                complete //= 2
        return Frontier(size, tuple(hashes))

    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far."""
        if not self.hashes:
            return EMPTY_ROOT
        *others, root = self.hashes
        for left in reversed(others):
            root = node_hash(left, root)
        return root


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()
