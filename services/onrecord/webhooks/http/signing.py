"""How does a receiver know that a delivery is ours, and of now?

Standard Webhooks, by its own library. Called by `deliver` for every attempt, and by the routes for
a new secret.
"""

import base64
import secrets as random
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from standardwebhooks import Webhook

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
KEPT: Final = 4096
"""Secrets whose signer is kept: making one takes a third of the 13 us of a signature."""


def new_secret() -> str:
    """A secret as its receiver is told it: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(random.token_bytes(SECRET_BYTES)).decode()


def signed(secrets: Sequence[str], *, id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one attempt: `id`, the second of `at`, a signature for each secret.

    While a secret is rotated there are two, and a receiver takes the one it knows. `body` is the
    UTF-8 that is sent.
    """
    # The library reads the clock face of a time and takes it for UTC's.
    at = at.astimezone(UTC)
    text = body.decode()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(_signer(one).sign(id, at, text) for one in secrets),
    }


@lru_cache(KEPT)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)
