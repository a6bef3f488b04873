"""What gathers while the ledger is busy, and is then written together?

Called by `committer`. What a batch's writers want is judged as they hand it in, while the database
is busy, so that nothing but writing is left to do when it is free.
"""

import asyncio
from collections.abc import Iterable
from itertools import islice

from onrecord.domain.requests import Refusal
from onrecord.ledger.append import Flight
from onrecord.ledger.evaluate import Answer, Judging, Write
from onrecord.ledger.memory import Memory

Found = Answer | Refusal | Exception
"""What came of a request."""


Outcomes = asyncio.Future[list[Found]]
"""What awaits those who handed in requests together. Who cancels it withdraws them."""


class Batch:
    """Writes that share a transaction."""

    def __init__(self, memory: Memory, *, judge: bool) -> None:
        now = memory.suppose() if judge else None
        self.judging = Judging(now) if now else None
        """Of all of them, over what is supposed; None where the ledger is to be asked."""
        self.flight: Flight | None = None
        """They are on their way to the database."""
        self.count = 0
        self._memory = memory
        self._asked: list[tuple[list[Write], Outcomes]] = []

    def add(self, writes: list[Write], awaited: Outcomes) -> None:
        """Take in what was handed in together."""
        self._asked.append((writes, awaited))
        self.count += len(writes)
        try:
            if self.judging and not all(self._judged(one, self.judging) for one in writes):
                self.judging = None
        except Exception:  # it comes again when it is tried, and is told to its own writer
            self.judging = None

    def _judged(self, one: Write, judging: Judging) -> bool:
        met = self._memory.meet(one.request, judging.now.state)
        if met:
            judging.add(one)
        return met

    def close(self) -> None:
        """From here on no writer can withdraw; who has gone away by now is not recorded."""
        stays = [one for one in self._asked if not one[1].done()]
        if len(stays) < len(self._asked):
            self._asked, self.judging = stays, None

    @property
    def writes(self) -> list[Write]:
        return [one for writes, _ in self._asked for one in writes]

    def settle(self, found: Iterable[Found]) -> None:
        """Tell each writer what came of it."""
        each = iter(found)
        for writes, awaited in self._asked:
            some = list(islice(each, len(writes)))
            if not awaited.done():
                awaited.set_result(some)
