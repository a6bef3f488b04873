"""Verification of received webhooks, by the library of the standard (Standard Webhooks).

Needs the package standardwebhooks. A replayed delivery has a new signature and its old `id`, so
remember the ids that you have handled.
"""

from collections.abc import Mapping, Sequence

from standardwebhooks import Webhook, WebhookVerificationError

from onrecord.webhooks.api.event_schemas import CloudEvent

__all__ = ["CloudEvent", "InvalidWebhook", "verify_webhook"]


class InvalidWebhook(Exception):
    """The request was not signed with this secret, is older than five minutes, or no event."""


def verify_webhook(
    body: bytes | str, headers: Mapping[str, str], secret: str | Sequence[str]
) -> CloudEvent:
    """The event in a request; its body as received. `secret`: one, or several while it is rotated.

    Raises `InvalidWebhook`.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    reason: Exception | None = None
    for candidate in (secret,) if isinstance(secret, str) else secret:
        try:
            Webhook(candidate).verify(body, lower)
            return CloudEvent.model_validate_json(body, extra="ignore")
        except (WebhookVerificationError, ValueError) as error:
            reason = error
    raise InvalidWebhook(str(reason)) from reason
