"""Ids and names that batch lines refer to: created by earlier lines, or on record.

Used by `dry_run`. Ids are kept in a private temporary SQLite database, so that memory use does not
depend on their number. onrecord is asked once for each id that the files do not create themselves.
"""

import sqlite3
import unicodedata
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from onrecord.client import Client
from onrecord.domain.decisions import Entity, Touches
from onrecord.domain.event import Event
from onrecord.domain.events import ActorRegistered, ActorRevised, TopicRegistered, TopicRevised
from onrecord.domain.references import wikidata_references
from onrecord.domain.requests import Request
from onrecord.importing.client import kind_on_record

_TOUCHES: Final = Touches(("",), ("",))
"""A placeholder: only checks of revisions read it, and a dry run does not check revisions."""


class IdLookup:
    """The ids of the lines so far. `client` reaches the onrecord to ask, if there is one."""

    def __init__(self, client: Client | None) -> None:
        self.client = client
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE entities (id BLOB PRIMARY KEY, kind TEXT, retracted INTEGER)"
            " WITHOUT ROWID"
        )
        self._db.execute(
            "CREATE TABLE names (kind TEXT, name TEXT, id TEXT, PRIMARY KEY (kind, name, id))"
            " WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE lines (id BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID")

    def close(self) -> None:
        """Remove the temporary database."""
        self._db.close()

    def digest(self, id_: UUID) -> bytes | None:
        """The digest of an earlier line with this id, if there is one."""
        row = self._db.execute("SELECT digest FROM lines WHERE id = ?", [id_.bytes]).fetchone()
        return row[0] if row else None

    def entity(self, id_: UUID) -> Entity | None:
        """What an earlier line created, or what is on record.

        Retracted only if an earlier line retracted it: the record is not asked for that. Raises
        `ApiUnavailable`.
        """
        row = self._db.execute(
            "SELECT kind, retracted FROM entities WHERE id = ?", [id_.bytes]
        ).fetchone()
        if row is None and self.client:
            row = (kind_on_record(self.client, id_), False)
            self._keep(id_, *row)
        return Entity(row[0], _TOUCHES, bool(row[1])) if row and row[0] else None

    def add(self, request: Request, digest: bytes) -> None:
        """Keep what a line would record."""
        self._db.execute("INSERT INTO lines VALUES (?, ?)", [request.id.bytes, digest])
        for proposed in request.events:
            event = proposed.event
            if kind := event.makes or event.amends:
                self._keep(proposed.subject, kind, event.is_retraction)
            for name in _names(event):
                self._db.execute(
                    "INSERT OR IGNORE INTO names VALUES (?, ?, ?)",
                    [kind, _folded(name), event.slug],
                )

    def ids_named(self, kind: str, name: str) -> Sequence[str]:
        """The slugs that earlier lines would register or revise under this spelling.

        PostgreSQL folds what is on record; here only case, accents, width and blanks are folded.
        """
        query = "SELECT id FROM names WHERE kind = ? AND name = ?"
        return [row[0] for row in self._db.execute(query, [kind, _folded(name)])]

    def _keep(self, id_: UUID, kind: str | None, retracted: bool) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO entities VALUES (?, ?, ?)", [id_.bytes, kind, retracted]
        )


def _names(event: Event) -> Sequence[str]:
    if isinstance(event, ActorRegistered | ActorRevised):
        names = [name.name for name in event.names]
        identifiers = event.identifiers or {}
        references = wikidata_references(event.id, identifiers)
        return [event.id, *names, *identifiers.values(), *references]
    if isinstance(event, TopicRegistered | TopicRevised):
        references = wikidata_references(event.id, {})
        return [event.id, event.label or "", event.proposition or "", *references]
    return ()


def _folded(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(char for char in letters if not unicodedata.combining(char))
    return " ".join(kept.replace("-", " ").split())
