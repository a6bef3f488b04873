"""How far did an import come before it was cut?

Called by `importing`. After each answered portion a small note in the data folder says up to which
line of which file, and proves it: one line that was recorded, with the seq that it was answered.
The ledger is append-only and its seqs are dense: where that line still has that seq, all that went
before it is on record too; another database, or a restored backup, gives another answer.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

HEAD: Final = 65_536
"""Bytes of a file that go into its identity, along with its size and time of change."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Identity(_Value):
    """A file as it was when it was read."""

    size: int
    mtime_ns: int
    head: str


class Proof(_Value):
    """A line that was recorded, and what was answered."""

    line: int
    seq: int


class Note(_Value):
    """What became of a file's lines up to and with `last`."""

    file: Identity
    last: int
    proof: Proof
    recorded: int
    refused: int


def identity(path: Path) -> Identity:
    """What a file is told from another by."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        head = hashlib.sha256(file.read(HEAD)).hexdigest()
    return Identity(size=found.st_size, mtime_ns=found.st_mtime_ns, head=head)


def place(data: Path, address: str, path: Path) -> Path:
    """Where in the data folder the note of this file and this door is kept."""
    name = hashlib.sha256(os.fsencode(f"{address.rstrip('/')}\n{path.resolve()}")).hexdigest()[:32]
    return data / "imports" / f"{name}.json"


def read(at: Path, file: Identity) -> Note | None:
    """The note that was left there of this very file; None where there is none to go by."""
    try:
        note = Note.model_validate_json(at.read_bytes())
    except (OSError, ValidationError):
        return None
    return note if note.file == file else None


def write(at: Path, note: Note) -> None:
    """Keep a note: the one before or this one is there, whatever happens meanwhile."""
    at.parent.mkdir(parents=True, exist_ok=True)
    new = at.with_suffix(f".{os.getpid()}")
    new.write_text(note.model_dump_json())
    new.replace(at)
