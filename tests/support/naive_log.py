"""A transparency log as C2SP tlog-tiles and RFC 6962 define it, computed from all entries.

The oracle of tests of the tree, its proofs and its tiles: it follows the definitions, stores
nothing, and takes no code of `onrecord`.
"""

import hashlib
from collections.abc import Iterator, Sequence


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def inclusion_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*inclusion_path(index, leaves[:k]), tree_hash(leaves[k:])]
    return [*inclusion_path(index - k, leaves[k:]), tree_hash(leaves[:k])]


def consistency_proof(old_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D[n]) of RFC 6962, section 2.1.2; empty for the empty tree."""
    return _subproof(old_size, leaves, is_old_tree=True) if old_size else []


def _subproof(old_size: int, leaves: Sequence[bytes], *, is_old_tree: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if is_old_tree else [tree_hash(leaves)]
    k = split(len(leaves))
    if old_size <= k:
        left = _subproof(old_size, leaves[:k], is_old_tree=is_old_tree)
        return [*left, tree_hash(leaves[k:])]
    right = _subproof(old_size - k, leaves[k:], is_old_tree=False)
    return [*right, tree_hash(leaves[:k])]


def split(size: int) -> int:
    """The largest power of two below `size`."""
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def leaf_hashes(entries: Sequence[bytes]) -> list[bytes]:
    return [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]


def subtrees(leaves: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Level, number and hash of each complete subtree of 256^level leaves, from level 1 on."""
    level, hashes = 0, leaves
    while len(hashes) >= 256:
        starts = range(0, len(hashes) - 255, 256)
        hashes = [tree_hash(hashes[start : start + 256]) for start in starts]
        level += 1
        yield from ((level, n, hash_) for n, hash_ in enumerate(hashes))


def log_files(entries: Sequence[bytes]) -> dict[str, bytes]:
    """All tiles and bundles of the log, by their addresses below `tile/`."""
    leaves = leaf_hashes(entries)
    framed = [len(entry).to_bytes(2, "big") + entry for entry in entries]
    levels: dict[int | str, list[bytes]] = {"entries": framed, 0: leaves}
    for level, _, hash_ in subtrees(leaves):
        levels.setdefault(level, []).append(hash_)
    return {
        tile_path(name, start // 256, len(items[start : start + 256])): b"".join(
            items[start : start + 256]
        )
        for name, items in levels.items()
        for start in range(0, len(items), 256)
    }


def file_paths(size: int) -> Iterator[str]:
    """The addresses of all bundles and tiles of a log of `size` entries."""
    counts: dict[int | str, int] = {"entries": size}
    level = 0
    while size >> (8 * level):
        counts[level] = size >> (8 * level)
        level += 1
    for name, count in counts.items():
        for start in range(0, count, 256):
            yield tile_path(name, start // 256, min(256, count - start))


def tile_path(level: int | str, n: int, width: int) -> str:
    groups, rest = [f"{n % 1000:03d}"], n // 1000
    while rest:
        groups.insert(0, f"x{rest % 1000:03d}")
        rest //= 1000
    return "/".join([str(level), *groups]) + ("" if width == 256 else f".p/{width}")
