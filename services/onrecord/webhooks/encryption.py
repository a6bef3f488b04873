"""Encryption of endpoints' secrets at rest, by keys from the settings.

Used by the webhooks API, which makes secrets, by the deliverer, which signs with them, and by
`onrecord migrate` and `doctor`. The recipe is Fernet of `cryptography` (AES-128-CBC with
HMAC-SHA256), with the endpoint's id in front of the secret: a ciphertext that was moved to the row
of another endpoint is not accepted there. `migrations/` has the same form.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from uuid import UUID

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

log = structlog.get_logger()

CACHED_SECRETS: Final = 4096  # a decryption takes 40 µs, a fifth of an attempt


class UndecryptableSecret(Exception):
    """No key decrypts this endpoint's secret: its key is lost, or it belongs to another row."""


class SecretCipher:
    """Encrypts by the first of the keys, and decrypts by any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._first = Fernet(keys[0])
        self._all = MultiFernet([Fernet(key) for key in keys])
        self._decrypt = lru_cache(maxsize=CACHED_SECRETS)(self._decrypt_anew)

    def encrypt(self, endpoint: UUID, secret: str) -> bytes:
        return self._first.encrypt(endpoint.bytes + secret.encode())

    def decrypt(self, endpoint: UUID, token: bytes) -> str:
        """The secret. Raises `UndecryptableSecret`."""
        return self._decrypt(endpoint, token)

    def reencrypt(self, token: bytes) -> bytes | None:
        """The token under the first key; None if it is already, or if no key decrypts it."""
        try:
            self._first.decrypt(token)
        except InvalidToken:
            try:
                return self._all.rotate(token)
            except InvalidToken:
                return None
        return None

    def signing_secrets(self, endpoint: UUID, token: bytes, old: bytes | None) -> tuple[str, ...]:
        """The secrets that sign a delivery: the endpoint's, and the old one while it is rotated.

        Raises `UndecryptableSecret` if the first is lost. A lost old one signs no more.
        """
        secret = self.decrypt(endpoint, token)
        if old is None:
            return (secret,)
        try:
            return (secret, self.decrypt(endpoint, old))
        except UndecryptableSecret:
            log.warning("the old secret of an endpoint cannot be decrypted", endpoint=str(endpoint))
            return (secret,)

    def _decrypt_anew(self, endpoint: UUID, token: bytes) -> str:
        try:
            bound = self._all.decrypt(token)
        except InvalidToken:
            raise UndecryptableSecret from None
        if bound[:16] != endpoint.bytes:
            raise UndecryptableSecret
        return bound[16:].decode()
