"""Outcomes of a request to record something, as the committer reports them."""

from typing import ClassVar

from onrecord.domain.requests import Refusal
from onrecord.ledger.evaluate import Answer


class LedgerFailure(Exception):
    """A request was neither recorded nor refused. `code` and `detail` tell a client about it."""

    code: ClassVar[str]
    detail: ClassVar[str]


class LedgerBusy(LedgerFailure):
    """More requests are waiting for the ledger than it takes; try again in a second."""

    code = "busy"
    detail = "Too many writes are waiting; repeat this one."


class LedgerUnavailable(LedgerFailure):
    """The ledger's database cannot be reached; nothing was recorded."""

    code = "ledger-unavailable"
    detail = "The ledger cannot be reached; nothing was recorded."


class OutcomeUnknown(LedgerFailure):
    """The database was lost while it committed; repeat the request with the same id."""

    code = "outcome-unknown"
    detail = "The ledger was lost while it committed: repeat the request with the same id."


WriteOutcome = Answer | Refusal | Exception
"""A request was recorded, refused, or failed."""
