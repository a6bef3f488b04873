"""Tests that the bodies of a process share one bound, and give back what they held."""

import pytest

from onrecord.kit.http.body_memory import MAX_COUNTED, UNCOUNTED, BodyMemory


def test_bodies_share_a_bound_and_small_ones_are_free() -> None:
    memory = BodyMemory()
    with memory.share() as first, memory.share() as second:
        assert first.resize(UNCOUNTED + MAX_COUNTED - 1)
        assert second.resize(UNCOUNTED + 1)
        assert not second.resize(UNCOUNTED + 2)
        assert not first.resize(UNCOUNTED + MAX_COUNTED)
        assert (second.size, memory.counted) == (UNCOUNTED + 1, MAX_COUNTED)
        with memory.share() as small:
            assert small.resize(UNCOUNTED)
        assert first.resize(UNCOUNTED)
        assert second.resize(2 * UNCOUNTED)
    assert memory.counted == 0


def test_a_request_that_fails_gives_its_share_back() -> None:
    memory = BodyMemory()

    def fail() -> None:
        with memory.share() as share:
            assert share.resize(2 * UNCOUNTED)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert memory.counted == 0
