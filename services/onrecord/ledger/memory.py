"""What does a writer know of the ledger without asking it?

Called by `append`. While one process alone writes, the ledger ends where its last commit left it,
and whatever it saw on record still is, as the ledger only grows. So it judges and numbers a batch
beforehand, and needs one round trip: the database inserts it under the lock if all that was
supposed is so (`insert.INSERT_IF`), and nothing of it if not. Then the ledger is asked.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from onrecord.domain.decisions import Request, State, Thing, expected
from onrecord.ledger.lookup import Now
from onrecord.ledger.merkle import Frontier

MOST: Final = 10_000
"""Things remembered; beyond that all are forgotten, and met again."""


class Memory:
    """What one connection has seen. It goes with it: another may lead to another server."""

    def __init__(self) -> None:
        self._end: Frontier | None = None
        """Where the last commit left the ledger."""
        self._alone = False
        """Whether nobody else had written between that commit and the one before it."""
        self._last = self._zero = datetime.min.replace(tzinfo=UTC)
        """The instant of the last entries; that of the database when `time.monotonic` was 0, or
        a little before it.
        """
        self._met: dict[UUID, Thing] = {}
        """What is on record. A thing's kind never changes; all else of it may have."""

    def suppose(self, requests: Sequence[Request]) -> Now | None:
        """The ledger as these find it if nobody else has written; None where it is to be asked.

        It is asked by whoever changes what is on record or names what was not met, and where
        somebody else writes too, as much would be supposed in vain.
        """
        if self._end is None or not self._alone:
            return None
        things = self._things(requests)
        if things is None:
            return None
        clock = self._zero + timedelta(seconds=time.monotonic())
        return Now(self._end, clock, max(clock, self._last), State(things))

    def _things(self, requests: Sequence[Request]) -> dict[UUID, Thing] | None:
        met, found, made = self._met, dict[UUID, Thing](), set[UUID]()
        for request in requests:
            for draft in request.drafts:
                if not draft.event.makes or draft.subject in met:
                    return None
                made.add(draft.subject)
                for one in draft.named:
                    if thing := met.get(one):
                        found[one] = thing
                    elif one not in made:
                        return None
            if any(expected(request)):
                return None
        return found

    def keep(self, now: Now, after: Frontier, clock: datetime) -> None:
        """A batch that found `now` is committed and left `after`, as the database had `clock`."""
        self._alone = now.frontier == self._end
        self._end, self._last = after, now.recorded_at
        self._zero = clock - timedelta(seconds=time.monotonic())
        self._met.update(now.state.things)
        if len(self._met) > MOST:
            self._met = {}

    def doubt(self) -> None:
        """Something was not as supposed: the ledger is asked until it stands as it was left."""
        self._alone = False
