"""The last signed checkpoint, kept in a file outside the database.

It is on disk before the checkpoint is served, so a database that was restored to an earlier state
is noticed. Used by the signer.
"""

from pathlib import Path
from typing import NamedTuple

from onrecord.kit.durable_file import replace_file
from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.notes import BadNote, Note, parse_note


class BadKeptCheckpoint(Exception):
    """The file with the last checkpoint holds something else."""


class CheckpointNote(NamedTuple):
    """A checkpoint and the note that holds it, with the signatures of the log."""

    checkpoint: Checkpoint
    note: Note


def read_kept(path: Path) -> CheckpointNote | None:
    """The checkpoint in the file; None if there is no file. Raises `BadKeptCheckpoint`."""
    try:
        note = parse_note(path.read_text("utf-8"))
        return CheckpointNote(parse_checkpoint(note), note)
    except FileNotFoundError:
        return None
    except (BadNote, UnicodeDecodeError) as error:
        raise BadKeptCheckpoint(f"{path} holds no signed checkpoint: {error}") from None


def keep(path: Path, note: str) -> None:
    """Replace the file by this note, for good."""
    replace_file(path, note)
