"""Hashes and proofs of the Merkle tree of RFC 6962, section 2.1, over SHA-256.

A proof is a list of hashes of *spans*: `Span(start, end)` is the subtree over the leaves from
`start` to `end` - 1. This module names the spans that a proof holds; `subtrees` puts the hash of a
span together from stored hashes. Used by all code that makes or checks a proof.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


class Span(NamedTuple):
    """The leaves from `start` to `end` - 1."""

    start: int
    end: int


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def combine(hashes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees that stand side by side, largest first; empty: no leaves."""
    if not hashes:
        return EMPTY_ROOT
    *others, root = hashes
    for left in reversed(others):
        root = node_hash(left, root)
    return root


def inclusion_spans(index: int, size: int) -> list[Span]:
    """What the inclusion proof of leaf `index` in a tree of `size` leaves holds: PATH(m, D[n])."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    spans, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old_size: int, size: int) -> list[Span]:
    """What the proof that a tree continues an older one holds: PROOF(m, D[n])."""
    if not 0 <= old_size <= size:
        raise ValueError(f"a tree of {size} leaves does not continue one of {old_size}")
    if old_size in (0, size):
        return []
    spans, start, end = [], 0, size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    if start:  # the old tree itself needs no hash: the verifier has its root
        spans.append(Span(start, end))
    return spans[::-1]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof gives, RFC 9162, section 2.1.3.2.

    Raises ValueError where the proof has not as many hashes as it must, and where a hash, that of
    the leaf too, has another length.
    """
    spans = inclusion_spans(index, size)
    _require_hashes([leaf, *proof], 1 + len(spans))
    root = leaf
    for span, sibling in zip(spans, proof, strict=True):
        root = node_hash(sibling, root) if span.end <= index else node_hash(root, sibling)
    return root


def is_consistent(
    old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a tree continues an older one, RFC 9162, section 2.1.4.2.

    From the empty tree only its own root is accepted, with an empty proof.
    """
    try:
        spans = consistency_spans(old_size, size)
        _require_hashes([old_root, root, *proof], 2 + len(spans))
    except ValueError:
        return False
    if old_size == 0:
        return old_root == EMPTY_ROOT and (size > 0 or root == EMPTY_ROOT)
    if old_size == size:
        return old_root == root
    hashes = list(zip(spans, proof, strict=True))
    if spans[0].end == old_size:
        (_, old), *hashes = hashes
    else:  # the old tree is the first perfect subtree
        old = old_root
    new = old
    for span, sibling in hashes:
        if span.end <= old_size:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    return old == old_root and new == root


def _require_hashes(hashes: Sequence[bytes], count: int) -> None:
    if len(hashes) != count or any(len(hash_) != HASH_BYTES for hash_ in hashes):
        raise ValueError(f"the proof must have {count} hashes of {HASH_BYTES} bytes")
