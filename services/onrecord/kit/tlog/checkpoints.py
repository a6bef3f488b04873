"""Checkpoints (C2SP tlog-checkpoint): the text of a note that names a log, a size and a root."""

import re
from dataclasses import dataclass
from typing import Final

from onrecord.kit.tlog.keys import decode_base64, encode_base64, is_key_name
from onrecord.kit.tlog.merkle import HASH_BYTES
from onrecord.kit.tlog.notes import BadNote, Note

MAX_SIZE: Final = (1 << 63) - 1
"""Of 64 bits with a sign, as PostgreSQL and Go have them."""


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log. `root`: 32 bytes."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of the note. It has no extension lines: nobody could audit them."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


def parse_checkpoint(note: Note) -> Checkpoint:
    """The checkpoint in a note. Raises `BadNote`, also for one with extension lines."""
    origin, *lines = note.text.removesuffix("\n").split("\n")
    if not is_key_name(origin) or len(lines) != 2:
        raise BadNote("it is no checkpoint: an origin, a size, a root, and nothing else")
    size, root = lines
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", size, re.ASCII) or int(size) > MAX_SIZE:
        raise BadNote(f"{size[:80]!r} is no size of a log")
    try:
        hash_ = decode_base64(root)
    except ValueError:
        hash_ = b""
    if len(hash_) != HASH_BYTES:
        raise BadNote(f"{root[:80]!r} is no root of a log")
    return Checkpoint(origin, int(size), hash_)
