"""The last signed checkpoint, kept in a file outside the database.

It is on disk before the checkpoint is served, so a database that was restored to an earlier state
is noticed. Used by the signer.
"""

import os
import tempfile
from pathlib import Path

from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.notes import BadNote, parse_note


class BadKeptCheckpoint(Exception):
    """The file with the last checkpoint holds something else."""


def read_kept(path: Path) -> Checkpoint | None:
    """The checkpoint in the file; None if there is no file. Raises `BadKeptCheckpoint`."""
    try:
        text = path.read_text("utf-8")
        return parse_checkpoint(parse_note(text))
    except FileNotFoundError:
        return None
    except (BadNote, UnicodeDecodeError) as error:
        raise BadKeptCheckpoint(f"{path} holds no signed checkpoint: {error}") from None


def keep(path: Path, note: str) -> None:
    """Replace the file, whole and for good: a crash leaves the old one or the new one."""
    number, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
