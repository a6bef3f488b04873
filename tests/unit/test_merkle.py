"""`Frontier`: its root after each batch is the tree hash of RFC 6962."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.tlog.merkle import EMPTY_ROOT, leaf_hash, node_hash
from onrecord.ledger.merkle import Frontier
from tests.support import naive_log
from tests.support.naive_log import tree_hash

MAX_LEAVES = 200
LEAVES = [leaf_hash(b"entry %d" % n) for n in range(MAX_LEAVES)]


def perfect_trees(size: int) -> list[tuple[int, int]]:
    """The perfect trees, largest first, that so many leaves fall into, as (start, end)."""
    trees, start = [], 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            trees.append((start, start + (1 << bit)))
            start += 1 << bit
    return trees


@pytest.mark.parametrize("size", range(MAX_LEAVES + 1))
def test_the_root_is_the_tree_hash_at_every_size(size: int) -> None:
    frontier = Frontier().extended(LEAVES[:size])
    assert tree_hash(LEAVES[:size]) == frontier.root()
    assert size == frontier.size
    assert [tree_hash(LEAVES[a:b]) for a, b in perfect_trees(size)] == list(frontier.hashes)


@given(st.sets(st.integers(0, MAX_LEAVES)).map(lambda cuts: [0, *sorted(cuts), MAX_LEAVES]))
def test_the_split_into_batches_does_not_matter(cuts: list[int]) -> None:
    frontier = Frontier()
    for start, end in pairwise(cuts):
        frontier = frontier.extended(LEAVES[start:end])
        assert tree_hash(LEAVES[:end]) == frontier.root()
    assert Frontier().extended(LEAVES) == frontier


def test_a_tree_of_nothing_has_the_hash_of_nothing() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert empty == EMPTY_ROOT.hex() == Frontier().root().hex()


def test_the_root_of_the_published_test_vectors_is_computed() -> None:
    """The eight leaves of the Certificate Transparency reference tests, and their tree hash."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    leaves.append("606162636465666768696a6b6c6d6e6f")
    frontier = Frontier().extended(leaf_hash(bytes.fromhex(leaf)) for leaf in leaves)
    root = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert root == frontier.root().hex()


def test_leaves_and_nodes_have_different_hashes() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
    assert hashlib.sha256(b"\x00" + left + right).digest() == leaf_hash(left + right)
    assert hashlib.sha256(b"\x01" + left + right).digest() == node_hash(left, right)


def test_extending_a_frontier_does_not_change_it() -> None:
    before = Frontier().extended(LEAVES[:3])
    kept = Frontier(before.size, before.hashes)
    before.extended(LEAVES[3:])
    assert kept == before


def test_the_subtrees_that_leaves_complete_are_those_of_the_whole_tree() -> None:
    leaves = [leaf_hash(b"%d" % n) for n in range(66_000)]
    frontier, subtrees = Frontier(), []
    for start in range(0, len(leaves), 1_999):
        frontier, completed = frontier.append(leaves[start : start + 1_999])
        subtrees += completed
    assert sorted(naive_log.subtrees(leaves)) == sorted(subtrees)
