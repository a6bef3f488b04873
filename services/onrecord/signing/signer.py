"""The signer: a signed checkpoint for each new head of the ledger.

One signer at a time signs: it holds an advisory lock on its connection. What it signs is first on
disk outside the database, then in `signing.checkpoints`, from where it is served. Used by the
process `entrypoints.signer`.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from onrecord.kit.sql.db import compiled
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.keys import SigningKey
from onrecord.kit.tlog.notes import parse_note, sign_note
from onrecord.signing.continuity import SigningRefused, require_consistent, require_continuation
from onrecord.signing.kept_checkpoint import CheckpointNote, keep, read_kept

LOCK_KEY: Final = 0x7369676E65720000  # b"signer\0\0"
_TRY_LOCK: Final = "SELECT pg_try_advisory_lock(%s)"
_STATE: Final = load_query("signing/queries/sign_state.sql")
_STORE_KEY: Final = load_query("signing/queries/store_key.sql")
_STORE: Final = load_query("signing/queries/store_checkpoint.sql")


class _State(NamedTuple):
    """The state of the database at one moment."""

    head: Checkpoint | None
    signed: CheckpointNote | None
    """The newest checkpoint in the database."""
    lsn: int
    """A position in the write-ahead log, at or beyond the end of the head's commit."""
    flushed: int | None
    """The position up to which every standby has the log on disk; None: there is no standby."""


class Signer:
    """Signs with all `keys`. `conn`: in autocommit, in the role of the signer."""

    def __init__(self, conn: psycopg.Connection[Any], keys: list[SigningKey], kept: Path) -> None:
        self._conn = conn
        self._keys = keys
        self._kept = kept
        self._origin = keys[0].name
        self._last: Checkpoint | None = None
        self._candidate: tuple[Checkpoint, int] | None = None
        """A head, and the position that all standbys must have flushed before it is signed."""

    def try_lock(self) -> bool:
        """Take the lock; False while another signer holds it."""
        row = self._conn.execute(_TRY_LOCK, [LOCK_KEY]).fetchone()
        return bool(row and row[0])

    def start(self) -> CheckpointNote | None:
        """Compare what was signed before, in the file and in the database, with the ledger.

        Returns the newest checkpoint in the database. The file may be ahead of it: a signer that
        was killed between the two has served nothing. Raises `SigningRefused` and
        `BadKeptCheckpoint`.
        """
        kept = read_kept(self._kept)
        if kept and kept.checkpoint.origin != self._origin:
            raise SigningRefused(
                f"its key is of {self._origin}, and {self._kept} is a checkpoint of"
                f" {kept.checkpoint.origin}"
            )
        state = self._read_state()
        if kept is None and state.signed:
            raise SigningRefused(
                f"{self._kept} is missing, which holds the last checkpoint that was signed: without"
                " it nobody knows whether the database was restored to an earlier state"
            )
        places = [(kept, str(self._kept)), (state.signed, "the newest checkpoint in the database")]
        for signed, where in places:
            if signed:
                require_continuation(self._conn, state.head, signed.checkpoint, where)
                if self._last is None or signed.checkpoint.size > self._last.size:
                    self._last = signed.checkpoint
        return state.signed

    def sign_head(self) -> CheckpointNote | None:
        """Sign the ledger's head if it is new; None if there is nothing to sign, or not yet.

        Raises `SigningRefused`; OSError where the file cannot be written.
        """
        state = self._read_state()
        if self._last and (state.head is None or state.head.size < self._last.size):
            size = state.head.size if state.head else 0
            raise SigningRefused(f"the ledger has shrunk from {self._last.size} to {size} entries")
        head = self._flushed_head(state)
        if head is None:
            return None
        if state.signed and head.size == state.signed.checkpoint.size:
            if head.root != state.signed.checkpoint.root:
                raise SigningRefused(f"the {head.size} entries of the ledger have another root now")
            return None
        require_consistent(self._conn, head, self._last)
        note = sign_note(head.text, self._keys)
        keep(self._kept, str(note))
        self._last = head
        with self._conn.transaction():
            for key in self._keys:
                params = {"vkey": str(key.verifier), "origin": key.name, "size": head.size}
                self._conn.execute(compiled(_STORE_KEY), params)
            row = {"size": head.size, "root": head.root, "note": str(note)}
            self._conn.execute(compiled(_STORE), row)
        return CheckpointNote(head, note)

    def _flushed_head(self, state: _State) -> Checkpoint | None:
        """The newest head that all standbys are known to have flushed; None if there is none."""
        if state.head is None:
            return None
        if state.flushed is None or state.flushed >= state.lsn:
            self._candidate = None
            return state.head
        # the write-ahead log grows on, so this head waits until all standbys have reached it
        if self._candidate is None:
            self._candidate = (state.head, state.lsn)
        head, lsn = self._candidate
        if state.flushed < lsn:
            return None
        self._candidate = (state.head, state.lsn)
        return head

    def _read_state(self) -> _State:
        row = self._conn.execute(compiled(_STATE)).fetchone()
        assert row
        size, root, signed_size, signed_root, note, lsn, flushed = row
        signed = None
        if signed_size is not None:
            stored = Checkpoint(self._origin, signed_size, signed_root)
            signed = CheckpointNote(stored, parse_note(note))
        return _State(
            None if size is None else Checkpoint(self._origin, size, root),
            signed,
            _position(lsn),
            None if flushed is None else _position(flushed),
        )


def _position(lsn: str) -> int:
    """A pg_lsn, which psycopg gives as text, as `16/B374D848`, as a number."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)
