"""Tests that batches share turns of the event loop, so that other requests wait for one of them."""

import asyncio

import pytest

from onrecord.ingest import turns
from onrecord.ingest.turns import Pace, Turns


def test_of_many_batches_one_works_in_a_turn_of_the_event_loop_and_each_in_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", -1)  # each line takes longer than a turn
    worked: list[int] = []
    per_turn: list[int] = []

    async def batch(number: int, shared: Turns) -> None:
        pace = Pace(shared)
        for _ in range(5):
            await pace.keep()
            worked.append(number)

    async def main() -> None:
        shared = Turns()
        batches = asyncio.gather(*(batch(number, shared) for number in range(30)))
        while not batches.done():
            before = len(worked)
            await asyncio.sleep(0)
            per_turn.append(len(worked) - before)

    asyncio.run(main())
    assert {0, 1} == set(per_turn)
    assert list(range(30)) * 5 == worked
