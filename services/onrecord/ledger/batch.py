"""The queue of writes that wait for the ledger, and the batches taken from it.

Used by `committer`, on its event loop only: nothing here is shared between threads.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from onrecord.kit.telemetry.request_origin import RequestOrigin
from onrecord.ledger.evaluate import Write
from onrecord.ledger.outcomes import WriteOutcome

OutcomesFuture = asyncio.Future[list[WriteOutcome]]
"""Resolves to one outcome for each request of a submission. To cancel it withdraws them."""


class Submission(NamedTuple):
    """Writes that were submitted in one call, the future of their outcomes, and their request."""

    writes: Sequence[Write]
    future: OutcomesFuture
    origin: RequestOrigin


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """Submissions that are recorded in one transaction."""

    submissions: Sequence[Submission]

    @property
    def writes(self) -> list[Write]:
        return [write for submission in self.submissions for write in submission.writes]

    @property
    def origins(self) -> list[RequestOrigin]:
        return [submission.origin for submission in self.submissions]

    def resolve(self, outcomes: Sequence[WriteOutcome]) -> None:
        """Give each submission the outcomes of its own writes. `outcomes` are in their order."""
        remaining = iter(outcomes)
        for writes, future, _ in self.submissions:
            own = list(islice(remaining, len(writes)))
            if not future.done():
                future.set_result(own)


class PendingQueue:
    """Submissions in the order of their arrival. `count`: how many writes they hold."""

    def __init__(self) -> None:
        self.count = 0
        self._submissions: deque[Submission] = deque()

    def put(self, submission: Submission) -> None:
        self._submissions.append(submission)
        self.count += len(submission.writes)

    def drop_withdrawn(self) -> None:
        """Remove the oldest submissions whose clients wait no more, as they may hold much."""
        while self._submissions and self._submissions[0].future.done():
            self.count -= len(self._submissions.popleft().writes)

    def take(self, max_writes: int) -> PendingBatch:
        """Remove the oldest submissions that nobody has cancelled, until `max_writes` is reached.

        A submission is never split, so the last of them may exceed the limit.
        """
        taken: list[Submission] = []
        size = 0
        while self._submissions and size < max_writes:
            submission = self._submissions.popleft()
            self.count -= len(submission.writes)
            if not submission.future.done():
                taken.append(submission)
                size += len(submission.writes)
        return PendingBatch(taken)
