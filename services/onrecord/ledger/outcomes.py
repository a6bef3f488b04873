"""Outcomes of a request to record something, as the committer reports them."""

from onrecord.domain.requests import Refusal
from onrecord.ledger.evaluate import Answer


class LedgerBusy(Exception):
    """More requests are waiting for the ledger than it takes; try again in a second."""


class LedgerUnavailable(Exception):
    """The ledger's database cannot be reached; nothing was recorded."""


class OutcomeUnknown(Exception):
    """The database was lost while it committed; repeat the request with the same id."""


WriteOutcome = Answer | Refusal | Exception
"""A request was recorded, refused, or failed."""
