"""What does a writer know of the ledger without asking it?

Called by `append` and `committer`. While one process alone writes, the ledger ends where its last
commit left it, and whatever it saw on record still is, as the ledger only grows. So it judges and
numbers a batch beforehand, and needs one round trip: the database inserts it under the lock if all
that was supposed is so (`insert.INSERT_IF`), and nothing of it if not. Then the ledger is asked.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from onrecord.domain.decisions import Entity, LedgerState
from onrecord.domain.requests import Request, expected_revisions
from onrecord.ledger.evaluate import Judging
from onrecord.ledger.lookup import Head, Now
from onrecord.ledger.merkle import Frontier

MOST: Final = 10_000
"""Things remembered; beyond that all are forgotten, and met again."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Memory:
    """What one connection has seen. It goes with it: another may lead to another server.

    Two threads may use it: whatever one of them makes of what the other is changing is tried.
    """

    def __init__(self) -> None:
        self._end: Frontier | None = None
        """Where the last commit left the ledger."""
        self._size: int | None = None
        """Where that which is being written will leave it, if that can be said."""
        self._alone = False
        """Whether nobody else had written between the last two commits."""
        self._last = self._zero = _NEVER
        """The instant of the last batch; that of the database when `time.monotonic` was 0, or
        a little before it.
        """
        self._met: dict[UUID, Entity] = {}
        """What is on record. A thing's kind never changes; all else of it may have."""

    def suppose(self) -> Now | None:
        """The ledger as the next batch finds it if nobody else writes.

        None where it is to be asked: where somebody else does, it would be supposed in vain.
        """
        size = self._size  # once: it may be another thread's turn
        if size is None or not self._alone:
            return None
        self._last = max(self._zero + timedelta(seconds=time.monotonic()), self._last)
        return Now(size, self._last)

    def landed(self) -> None:
        """Nothing is on its way any more."""
        self._size = self._end.size if self._end else None

    def meet(self, request: Request, state: LedgerState) -> bool:
        """Put what a request names into a supposed state; False where the ledger is to be asked:
        it names what was not met, or changes what is on record, as others may have done.
        """
        met, things, made = self._met, state.entities, set[UUID]()
        for draft in request.events:
            if not draft.event.makes or draft.subject in met:
                return False
            for one in draft.referenced_ids:
                if one not in things and one not in made:
                    if (known := met.get(one)) is None:
                        return False
                    things[one] = known
            made.add(draft.subject)
        return not any(expected_revisions(request))

    def leave(self, judging: Judging | None) -> None:
        """This batch is written next; None: what it will add cannot be said yet."""
        self._size = judging.now.size + len(judging.rows) if judging else None

    def end(self, supposed: Now) -> Frontier | None:
        """The ledger's end, if what was supposed goes on from there."""
        fits = self._alone and self._end is not None and self._end.size == supposed.size
        return self._end if fits else None

    def keep(self, now: Now, head: Head, after: Frontier) -> None:
        """A batch that found `now` and `head` is committed and left `after`."""
        self._alone = head.frontier == self._end
        self._end, self._size = after, after.size
        self._last = max(self._last, now.recorded_at)
        self._zero = head.clock - timedelta(seconds=time.monotonic())
        self._met.update(now.state.entities)
        if len(self._met) > MOST:
            self._met = {}

    def doubt(self) -> None:
        """Something was not as supposed: the ledger is asked until it stands as it was left."""
        self._alone, self._last = False, _NEVER
