"""Tokens: the secret text of a key, which is shown once, and of which only a digest is stored.

A token is `onrecord_`, the id of the key and 256 random bits, in hex: `onrecord_<32>_<64>`. The id
leads to the row of the key, and is no secret: every entry that the key recorded names it.
"""

import hashlib
import re
import secrets
from typing import Final
from uuid import UUID

_TOKEN: Final = re.compile(r"onrecord_[0-9a-f]{32}_[0-9a-f]{64}")


def new_token(id_: UUID) -> str:
    """A token for the key with this id."""
    return f"onrecord_{id_.hex}_{secrets.token_hex(32)}"


def token_id(token: str) -> str | None:
    """The id of the key to which a token belongs, in hex; None if the text is no token.

    It stays text, as every request needs it: to make a UUID of it takes longer than the digest.
    """
    return token[9:41] if _TOKEN.fullmatch(token) else None


def token_digest(token: str) -> bytes:
    """What is stored of a token. SHA-256 is enough for 256 random bits, which nobody can guess."""
    return hashlib.sha256(token.encode()).digest()
