"""API keys of tests: the key that the clients of a database send.

It is a row only, and not in the ledger, whose first entry is the test's own: what the events of
keys do is tested with keys of the API and of `onrecord keys`.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from onrecord.access.tokens import token_digest
from onrecord.domain.scopes import ALL_SCOPES, KeyScope
from onrecord.kit.sql import db

KEY_ID: Final = UUID("01939a3c-0000-7000-8000-00000000ca11")
"""`recorded_by` of what these clients record."""


def token_of(id_: UUID) -> str:
    """The token of the key with this id."""
    return f"onrecord_{id_.hex}_{7:064x}"


TOKEN: Final = token_of(KEY_ID)
HEADERS: Final = {"Authorization": f"Bearer {TOKEN}"}


def give_key(
    url: str,
    *scopes: KeyScope,
    id_: UUID = KEY_ID,
    expires_at: datetime | None = None,
) -> dict[str, str]:
    """Make a key usable in the database at `url`; the headers of a client with it.

    Without scopes, it has all.
    """
    token = token_of(id_)
    with db.connect(url, role="onrecord_access") as conn:
        conn.execute(
            "INSERT INTO access.keys (id, name, scopes, sha256, expires_at)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [id_, "tests", list(scopes or ALL_SCOPES), token_digest(token), expires_at],
        )
    return {"Authorization": f"Bearer {token}"}
