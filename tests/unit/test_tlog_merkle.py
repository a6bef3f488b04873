"""Proofs of the Merkle tree, against the recursion of RFC 6962 and the published probes."""

import base64
import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.tlog import merkle
from tests.support import naive_log

MAX_SIZE: Final = 80
LEAVES: Final = naive_log.leaf_hashes([b"entry %d" % n for n in range(MAX_SIZE)])
ROOTS: Final = [naive_log.tree_hash(LEAVES[:size]) for size in range(MAX_SIZE + 1)]
PROBES: Final = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "support/merkle_probes/probes.jsonl")
    .read_text()
    .splitlines()
]
SHORT_ROOTS: Final = "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"
"""Valid as published, with roots of 12 bytes; here a root has 32."""


def hashes(spans: list[merkle.Span]) -> list[bytes]:
    return [naive_log.tree_hash(LEAVES[start:end]) for start, end in spans]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31, 32, 33, MAX_SIZE])
def test_inclusion_proofs_are_those_of_the_rfc_and_give_the_root(size: int) -> None:
    for index in range(size):
        proof = hashes(merkle.inclusion_spans(index, size))
        assert naive_log.inclusion_path(index, LEAVES[:size]) == proof
        assert ROOTS[size] == merkle.root_from_inclusion(LEAVES[index], index, size, proof)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 31, 32, 33, MAX_SIZE])
def test_consistency_proofs_are_those_of_the_rfc_and_hold(size: int) -> None:
    for old_size in range(size + 1):
        proof = hashes(merkle.consistency_spans(old_size, size))
        assert naive_log.consistency_proof(old_size, LEAVES[:size]) == proof
        assert merkle.is_consistent(old_size, ROOTS[old_size], size, ROOTS[size], proof)


@given(st.data())
def test_a_changed_proof_does_not_hold(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, MAX_SIZE))
    old_size = data.draw(st.integers(1, size - 1))
    proof = hashes(merkle.consistency_spans(old_size, size))
    path = hashes(merkle.inclusion_spans(old_size, size))
    change = data.draw(st.sampled_from(("drop", "repeat", "flip", "cut")))
    for sound in (proof, path):
        at = data.draw(st.integers(0, len(sound) - 1))
        changed = {"drop": [], "repeat": [sound[at]] * 2, "cut": [sound[at][:-1]]}
        flipped = [bytes([sound[at][0] ^ 1]) + sound[at][1:]]
        sound[at : at + 1] = changed.get(change, flipped)
    assert not merkle.is_consistent(old_size, ROOTS[old_size], size, ROOTS[size], proof)
    assert ROOTS[size] != inclusion_root(LEAVES[old_size], old_size, size, path)


def inclusion_root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes | None:
    try:
        return merkle.root_from_inclusion(leaf, index, size, proof)
    except ValueError:
        return None


@pytest.mark.parametrize("probe", PROBES, ids=[probe["file"] for probe in PROBES])
def test_published_probes_are_judged_as_published(probe: dict[str, Any]) -> None:
    assert (probe["wantErr"] or probe["file"] == SHORT_ROOTS) != holds(probe)


def holds(probe: dict[str, Any]) -> bool:
    proof = [base64.b64decode(hash_) for hash_ in probe["proof"] or ()]
    if "leafIdx" in probe:
        leaf, root = (base64.b64decode(probe[name]) for name in ("leafHash", "root"))
        return root == inclusion_root(leaf, probe["leafIdx"], probe["treeSize"], proof)
    old_root, root = (base64.b64decode(probe[name]) for name in ("root1", "root2"))
    return merkle.is_consistent(probe["size1"], old_root, probe["size2"], root, proof)


def test_a_tree_continues_the_empty_tree_only_from_its_root_and_without_a_proof() -> None:
    empty, root = merkle.EMPTY_ROOT, ROOTS[3]
    assert merkle.is_consistent(0, empty, 3, root, [])
    assert not merkle.is_consistent(0, root, 3, root, [])
    assert not merkle.is_consistent(0, empty, 3, root, [root])
    assert not merkle.is_consistent(0, empty, 0, root, [])


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_a_leaf_that_a_tree_does_not_have_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        merkle.inclusion_spans(index, size)


def test_a_shorter_tree_continues_no_longer_one() -> None:
    assert not merkle.is_consistent(4, ROOTS[4], 3, ROOTS[3], [])
    with pytest.raises(ValueError, match="does not continue"):
        merkle.consistency_spans(4, 3)
