"""Outcomes of attempts: what follows from each, and those of attempts that were not made.

Used by the deliverer.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from onrecord.webhooks.delivery.backoff import next_attempt
from onrecord.webhooks.delivery.claim import ClaimedDelivery
from onrecord.webhooks.delivery.results import DeliveryResult
from onrecord.webhooks.http.sender import AttemptOutcome
from onrecord.webhooks.tables import PING


def result_of(
    delivery: ClaimedDelivery, outcome: AttemptOutcome, last_erasure: int | None = None
) -> DeliveryResult:
    """What follows from an outcome: delivered, retried and when, or given up."""
    now = datetime.now(UTC)
    retry_in, keep_pending, pause_reason, closed_for = None, False, None, None
    if not outcome.ok and delivery.lane != PING:
        at = next_attempt(
            delivery.tries + 1, now=now, retry_after=outcome.retry_after, random=random.random
        )
        if outcome.gone:
            keep_pending = True
            pause_reason = "The receiver answered 410 Gone."
        elif at is not None:
            retry_in = at - now
            if outcome.retry_after:
                closed_for = min(timedelta(seconds=outcome.retry_after), retry_in)
        elif delivery.ordered:
            keep_pending = True
            pause_reason = (
                "A delivery used up its retries; later ones wait, as the endpoint is ordered."
            )
    return DeliveryResult(
        delivery,
        ok=outcome.ok,
        status=outcome.status,
        error=outcome.error,
        answer=outcome.answer,
        seconds=outcome.seconds,
        retry_in=retry_in,
        keep_pending=keep_pending,
        pause_reason=pause_reason,
        closed_for=closed_for,
        last_erasure=last_erasure,
    )


def _not_sent(reason: str) -> AttemptOutcome:
    return AttemptOutcome(
        ok=False,
        status=None,
        error=f"Nothing was sent: {reason}.",
        answer=b"",
        seconds=0.0,
        retry_after=None,
        gone=False,
    )


NOT_RENDERED: Final = _not_sent("the event could not be rendered (see the deliverer's log)")
SECRET_LOST: Final = _not_sent(
    "the endpoint's secret cannot be decrypted, because its key is no more in ONRECORD_SECRETS_KEY"
    " or secrets.key; restore the key, or rotate the secret"
)
