"""Keys of 32 random bytes in base64: the form in which settings and key files hold them."""

import base64
import binascii
import os
from typing import Final

HOW_TO_MAKE: Final = "make a key with `openssl rand -base64 32`"


def new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def parse_keys(text: str) -> tuple[str, ...]:
    """Comma-separated keys, in the URL-safe alphabet that `cryptography` expects.

    Raises ValueError, whose text does not repeat the keys.
    """
    keys = [part.strip().replace("+", "-").replace("/", "_") for part in text.split(",")]
    for number, key in enumerate(keys, start=1):
        try:
            size = len(base64.b64decode(key, altchars="-_", validate=True))
        except (binascii.Error, ValueError):
            size = 0
        if size != 32:
            which = f"key {number} of {len(keys)}" if len(keys) > 1 else "it"
            raise ValueError(f"{which} is not 32 bytes in base64; {HOW_TO_MAKE}")
    return tuple(keys)
