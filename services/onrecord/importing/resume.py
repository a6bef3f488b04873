"""Notes that let an import resume where it was cut.

Used by `run`. After each answered batch a note in the data folder is replaced. It names the last
line that was answered, and one recorded line with its seq as proof. The ledger is append-only and
its seqs are dense: if that line still has that seq, all earlier lines are on record too. Another
database, or a restored backup, answers with another seq.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from onrecord.importing.files import UTF_8
from onrecord.importing.lines import SourceLine
from onrecord.ingest.schemas import LineResult

HASHED_BYTES: Final = 65_536
"""Bytes of a file's beginning that are part of its identity."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileIdentity(_Value):
    """What distinguishes a file from another one, or from a later state of the same file.

    Read in another encoding, or with dates in another order, it is another file: rows that were
    refused may not be refused then.
    """

    size: int
    mtime_ns: int
    head: str
    encoding: str = UTF_8
    dates: str | None = None


class RecordedLine(_Value):
    """A line that was recorded, and the seq of its answer."""

    line: int
    seq: int


class ResumeNote(_Value):
    """What became of a file's lines up to and including number `last`."""

    file: FileIdentity
    last: int
    proof: RecordedLine
    recorded: int
    refused: int


def identify(path: Path, encoding: str, dates: str | None = None) -> FileIdentity:
    """The identity of a file as it is now, read in an encoding and with dates in an order."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        head = hashlib.sha256(file.read(HASHED_BYTES)).hexdigest()
    return FileIdentity(
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        head=head,
        encoding=encoding,
        dates=dates,
    )


def next_note(
    before: ResumeNote | None,
    identity: FileIdentity,
    batch: Sequence[SourceLine],
    results: Sequence[LineResult],
) -> ResumeNote | None:
    """The note after a batch; None until a line is recorded, which a note needs as its proof."""
    recorded = [
        RecordedLine(line=line.number, seq=result.seq)
        for line, result in zip(batch, results, strict=True)
        if result.seq is not None
    ]
    proof = recorded[-1] if recorded else before and before.proof
    if proof is None:
        return None
    return ResumeNote(
        file=identity,
        last=batch[-1].number,
        proof=proof,
        recorded=(before.recorded if before else 0) + len(recorded),
        refused=(before.refused if before else 0) + len(batch) - len(recorded),
    )


@dataclass(frozen=True)
class ResumeNotes:
    """The notes of imports to one API, in one data folder; one for each file."""

    data: Path
    address: str

    def path_of(self, file: Path) -> Path:
        """Where the note of a file is kept."""
        key = os.fsencode(f"{self.address.rstrip('/')}\n{file.resolve()}")
        return self.data / "imports" / f"{hashlib.sha256(key).hexdigest()[:32]}.json"

    def read(self, file: Path, identity: FileIdentity) -> ResumeNote | None:
        """The note of a file, if there is a valid one and the file has not changed since."""
        try:
            note = ResumeNote.model_validate_json(self.path_of(file).read_bytes())
        except (OSError, ValidationError):
            return None
        return note if note.file == identity else None

    def write(self, file: Path, note: ResumeNote) -> None:
        """Replace the note of a file atomically. Raises `OSError`."""
        path = self.path_of(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(note.model_dump_json())
        temporary.replace(path)

    def delete(self, files: Iterable[Path]) -> None:
        """Delete the notes of these files, after which an import starts at their first lines."""
        for file in files:
            self.path_of(file).unlink(missing_ok=True)
