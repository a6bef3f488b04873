"""Manifest of a backup: what the file is of, and the digest of each table in it."""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = 1

Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TableName(_Part):
    """A table with the columns that are copied: those that PostgreSQL does not generate."""

    schema_name: str
    name: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}"


class TableCopy(_Part):
    """A table in a backup. The digest is that of its rows in the text format of COPY."""

    table: TableName
    rows: int
    bytes: int
    sha256: Hex32

    @property
    def member(self) -> str:
        """The name of its rows in the file."""
        return f"{self.table}.copy"


class SequenceState(_Part):
    """A sequence, as its row in PostgreSQL shows it."""

    schema_name: str
    name: str
    last_value: int
    is_called: bool


class Manifest(_Part):
    """What a backup is of."""

    format: Literal[1] = FORMAT
    release: str
    """Of onrecord."""
    revision: str
    """Of the schema."""
    server: str
    """Version of PostgreSQL."""
    made_at: datetime
    size: int
    """Number of entries of the ledger."""
    root_hash: Hex32
    tables: tuple[TableCopy, ...]
    """In an order in which they can be filled."""
    sequences: tuple[SequenceState, ...]

    @property
    def rows(self) -> int:
        return sum(copied.rows for copied in self.tables)
