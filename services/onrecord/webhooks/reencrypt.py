"""Rotation of the key that encrypts endpoints' secrets, run by `onrecord migrate` and `up`.

Every secret under an older key is encrypted by the first one, after which the older key can be
removed from the settings. Secrets that no key decrypts stay: `onrecord doctor` counts them.
"""

from dataclasses import dataclass
from typing import Any, Final

import psycopg

from onrecord.webhooks.encryption import SecretCipher, UndecryptableSecret

_SECRETS: Final = b"""
SELECT id, encrypted_secret, encrypted_old_secret FROM webhooks.endpoints WHERE deleted_at IS NULL
"""
# Only what was read: a secret that was rotated meanwhile is under the newer key already.
_REPLACE: Final = b"""
UPDATE webhooks.endpoints SET encrypted_secret = %(new)s
WHERE id = %(id)s AND encrypted_secret = %(token)s
"""
_REPLACE_OLD: Final = b"""
UPDATE webhooks.endpoints SET encrypted_old_secret = %(new)s
WHERE id = %(id)s AND encrypted_old_secret = %(token)s
"""


@dataclass(frozen=True)
class KeyUse:
    """The number of endpoints whose secret an older key decrypts, and of those that none does."""

    older: int
    lost: int


def reencrypt_secrets(conn: psycopg.Connection[Any], cipher: SecretCipher) -> int:
    """Encrypt by the first key what an older key decrypts; returns the number of secrets.

    Each in a transaction of its own, so that an interrupted run can be repeated.
    """
    changed = 0
    for id_, token, old in conn.execute(_SECRETS).fetchall():
        for statement, current in ((_REPLACE, token), (_REPLACE_OLD, old)):
            if current is not None and (new := cipher.reencrypt(current)) is not None:
                conn.execute(statement, {"id": id_, "token": current, "new": new})
                changed += 1
    return changed


def key_use(conn: psycopg.Connection[Any], cipher: SecretCipher) -> KeyUse:
    """Which endpoints' current secrets are not under the first key."""
    older = lost = 0
    for id_, token, _ in conn.execute(_SECRETS).fetchall():
        try:
            cipher.decrypt(id_, token)
        except UndecryptableSecret:
            lost += 1
        else:
            older += cipher.reencrypt(token) is not None
    return KeyUse(older, lost)
