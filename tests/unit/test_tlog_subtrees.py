"""Hashes of any span are put together from at most 255 stored neighbours a level."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onrecord.kit.tlog.merkle import Span, combine, consistency_spans, inclusion_spans
from onrecord.kit.tlog.subtrees import HashRange, perfect_root, span_ranges, split_hashes
from tests.support import naive_log

MAX_SIZE: Final = 66_000
"""A subtree of level 2 is complete."""
LEAVES: Final = naive_log.leaf_hashes([b"%d" % n for n in range(MAX_SIZE)])


@pytest.fixture(scope="module")
def stored() -> dict[tuple[int, int], bytes]:
    """What a log of all leaves stores, by level and number."""
    hashes = {(0, n): leaf for n, leaf in enumerate(LEAVES)}
    return hashes | {(level, n): hash_ for level, n, hash_ in naive_log.subtrees(LEAVES)}


def assert_made_from_stored(span: Span, stored: dict[tuple[int, int], bytes]) -> None:
    ranges = span_ranges(span)
    assert all(wanted.length < 256 for wanted in ranges)
    roots = [
        perfect_root(b"".join(stored[level, first + n] for n in range(length)))
        for level, first, length in ranges
    ]
    assert naive_log.tree_hash(LEAVES[span.start : span.end]) == combine(roots)


@given(data=st.data())
def test_each_span_of_a_proof_is_made_from_stored_hashes(
    data: st.DataObject, stored: dict[tuple[int, int], bytes]
) -> None:
    sizes = st.one_of(st.integers(1, 600), st.integers(1, MAX_SIZE))
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    spans = [*inclusion_spans(index, size), *consistency_spans(index, size)]
    for span in data.draw(st.lists(st.sampled_from(spans), max_size=2)) if spans else ():
        assert_made_from_stored(span, stored)


def test_a_span_over_several_levels_is_read_from_the_highest() -> None:
    ranges = [HashRange(2, 0, 1), HashRange(1, 256, 1), HashRange(0, 65_792, 128)]
    assert ranges == span_ranges(Span(0, 65_536 + 256 + 128))


@pytest.mark.parametrize("count", [0, 3, 5, 255])
def test_a_number_of_hashes_that_is_no_power_of_two_makes_no_subtree(count: int) -> None:
    with pytest.raises(ValueError, match="make no perfect subtree"):
        perfect_root(bytes(32 * count))


def test_a_cut_hash_is_refused() -> None:
    assert [bytes(32), bytes(32)] == split_hashes(bytes(64))
    with pytest.raises(ValueError, match="no whole number"):
        split_hashes(bytes(63))
