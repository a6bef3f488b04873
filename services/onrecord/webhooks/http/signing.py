"""Signatures of deliveries (Standard Webhooks, by its own library), and the secrets for them.

Used by the deliverer for every attempt, and by the webhooks API for new secrets.
"""

import base64
import secrets as random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> str:
    """A secret in the form of the specification: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(random.token_bytes(SECRET_BYTES)).decode()


def signed_headers(secrets: Sequence[str], *, id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one attempt: `id`, the second of `at`, a signature for each secret.

    There are two secrets while one is rotated; a receiver accepts either signature. `body` is the
    UTF-8 that is sent.
    """
    # The library ignores the time zone of `at` and takes the time for UTC.
    at = at.astimezone(UTC)
    text = body.decode()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(id, at, text) for secret in secrets),
    }
