"""Rounds: the checkpoint that all witnesses are asked to cosign at a time.

The log signs up to twice a second, and a quorum must cosign one and the same checkpoint. So the
witnesses' clients, each in a thread of its own, share a target: the newest checkpoint when the
round began. The next round begins when the quorum is met, at the latest after `LONGEST_SECONDS`.
"""

import threading
import time
from typing import Final

from onrecord.kit.tlog.policies import Policy
from onrecord.signing.kept_checkpoint import CheckpointNote

SHORTEST_SECONDS: Final = 1.0
"""A witness is asked at most once in this time."""
LONGEST_SECONDS: Final = 10.0


class Rounds:
    """The target of the current round. All methods may be called from any thread."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._changed = threading.Condition()
        self._newest: CheckpointNote | None = None
        self._target: CheckpointNote | None = None
        self._began = 0.0
        """In monotonic seconds."""
        self._cosigned: set[str] = set()
        """Names and ids of the keys that cosigned the target."""

    def offer(self, signed: CheckpointNote) -> None:
        """Take the newest checkpoint, for this round or the next."""
        with self._changed:
            if self._newest is None or signed.checkpoint.size > self._newest.checkpoint.size:
                self._newest = signed
                self._changed.notify_all()

    def note(self, size: int, keys: set[str]) -> None:
        """Note who cosigned the checkpoint of this size: names and ids of keys."""
        with self._changed:
            if self._target and self._target.checkpoint.size == size:
                self._cosigned |= keys
                self._changed.notify_all()

    def next_target(self, done: int, timeout: float) -> CheckpointNote | None:
        """The target if its size is above `done`, the last one that the client has finished.

        Waits up to `timeout` seconds for one; None if there is none by then.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                self._begin_if_due()
                if self._target and self._target.checkpoint.size > done:
                    return self._target
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return None
                self._changed.wait(remaining)

    def _begin_if_due(self) -> None:
        if self._newest is None or self._newest is self._target:
            return
        seconds = time.monotonic() - self._began
        over = seconds >= LONGEST_SECONDS or (
            seconds >= SHORTEST_SECONDS and self._policy.is_met(self._cosigned)
        )
        if self._target is None or over:
            self._target, self._began, self._cosigned = self._newest, time.monotonic(), set()
            self._changed.notify_all()
