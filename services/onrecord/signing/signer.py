"""The signer: a signed checkpoint for each new head of the ledger.

One at a time signs: it holds an advisory lock on its connection. What it signs is first on disk
outside the database, then in `signing.checkpoints`, from where it is served.
"""

from pathlib import Path
from typing import Any, Final

import psycopg

from onrecord.kit.sql.db import compiled
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.notes import sign_note
from onrecord.signing.kept_checkpoint import keep

LOCK_KEY: Final = 0x7369676E65720000  # b"signer\0\0"
_TRY_LOCK: Final = "SELECT pg_try_advisory_lock(%s)"
_STATE: Final = load_query("signing/queries/sign_state.sql")
_STORE: Final = """
INSERT INTO signing.checkpoints (size, root, note) VALUES (%(size)s, %(root)s, %(note)s)
"""
_STORE_KEY: Final = """
INSERT INTO signing.keys (vkey, origin, since_size) VALUES (%(vkey)s, %(origin)s, %(size)s)
ON CONFLICT (vkey) DO NOTHING
"""


class Signer:
    """Signs with all `keys`. `conn`: in autocommit, in the role of the signer."""

    def __init__(self, conn: psycopg.Connection[Any], keys: list[SigningKey], kept: Path) -> None:
        self._conn = conn
        self._keys = keys
        self._kept = kept

    def try_lock(self) -> bool:
        """Become the one who signs; False while another one is."""
        row = self._conn.execute(_TRY_LOCK, [LOCK_KEY]).fetchone()
        return bool(row and row[0])

    def sign_head(self) -> Checkpoint | None:
        """Sign the ledger's head if it is new; None if there is nothing to sign."""
        row = self._conn.execute(compiled(_STATE)).fetchone()
        assert row
        size, root, signed_size = row
        if size is None or size == signed_size:
            return None
        checkpoint = Checkpoint(self._keys[0].name, size, root)
        note = str(sign_note(checkpoint.text, self._keys))
        keep(self._kept, note)
        with self._conn.transaction():
            for key in self._keys:
                params = {"vkey": str(key.verifier), "origin": key.name, "size": size}
                self._conn.execute(_STORE_KEY, params)
            self._conn.execute(_STORE, {"size": size, "root": root, "note": note})
        return checkpoint
