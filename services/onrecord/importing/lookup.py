"""What is there for a line to name: made by the lines before it, or on record?

Called by `import_check`. Ids are kept in SQLite's private temporary file, so that memory stays the
same however many there are; onrecord is asked once for each that the files do not make themselves.
"""

import sqlite3
from typing import Final
from uuid import UUID

import httpx2

from onrecord.domain.decisions import Entity, Touches, is_retraction
from onrecord.domain.requests import Request
from onrecord.importing import client

_SOMEBODY: Final = Touches(("",), ("",))
"""Whom a thing is about decides only revisions, which are not judged here."""


class Seen:
    """The ids of the lines so far. `client`: of the onrecord to ask, if one answers."""

    def __init__(self, client: httpx2.Client | None) -> None:
        self.client = client
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE things (id BLOB PRIMARY KEY, kind TEXT, retracted INTEGER) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE lines (id BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID")

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def digest(self, id_: UUID) -> bytes | None:
        """The digest of the line that came under this id, if one did."""
        found = self._db.execute("SELECT digest FROM lines WHERE id = ?", [id_.bytes]).fetchone()
        return found[0] if found else None

    def thing(self, id_: UUID) -> Entity | None:
        """A thing that a line before made, or that is on record.

        Retracted only where a line before did that: the record is not asked for it.
        """
        found = self._db.execute(
            "SELECT kind, retracted FROM things WHERE id = ?", [id_.bytes]
        ).fetchone()
        if found is None and self.client:
            found = (client.kind_of(self.client, id_), False)
            self._keep(id_, *found)
        return Entity(found[0], _SOMEBODY, bool(found[1])) if found and found[0] else None

    def take(self, request: Request, digest: bytes) -> None:
        """A line would be on record."""
        self._db.execute("INSERT INTO lines VALUES (?, ?)", [request.id.bytes, digest])
        for draft in request.events:
            event = draft.event
            if kind := event.makes or event.amends:
                self._keep(event.subject(draft.id), kind, is_retraction(event))

    def _keep(self, id_: UUID, kind: str | None, retracted: bool) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO things VALUES (?, ?, ?)", [id_.bytes, kind, retracted]
        )
