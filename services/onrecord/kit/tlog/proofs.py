"""Proofs that an entry is in a log, as files (C2SP tlog-proof)."""

import re
from dataclasses import dataclass
from typing import Final

from onrecord.kit.tlog.keys import decode_base64, encode_base64
from onrecord.kit.tlog.merkle import HASH_BYTES
from onrecord.kit.tlog.notes import BadNote, Note, parse_note

_HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_HASHES: Final = 63


class BadProof(ValueError):
    """A text that is no proof."""


@dataclass(frozen=True)
class LogProof:
    """An inclusion proof with its checkpoint. Nothing in it is checked by parsing."""

    index: int
    """The seq of the entry."""
    hashes: tuple[bytes, ...]
    """From the leaf's sibling up to a child of the root."""
    checkpoint: Note
    extra: bytes | None = None
    """Data of the application, authenticated by nothing."""

    def __str__(self) -> str:
        extra = "" if self.extra is None else f"extra {encode_base64(self.extra)}\n"
        hashes = "".join(f"{encode_base64(hash_)}\n" for hash_ in self.hashes)
        return f"{_HEADER}\n{extra}index {self.index}\n{hashes}\n{self.checkpoint}"


def parse_proof(text: str) -> LogProof:
    """Parse a proof. Raises `BadProof`."""
    head, blank, rest = text.partition("\n\n")
    header, *lines = head.split("\n")
    if header != _HEADER or not blank:
        raise BadProof(f"it does not begin with the line {_HEADER}")
    extra = None
    try:
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
        index, *hashes = lines
        if not re.fullmatch(r"index (0|[1-9][0-9]{0,18})", index, re.ASCII):
            raise ValueError
        path = tuple(decode_base64(hash_) for hash_ in hashes)
        if len(path) > MAX_HASHES or any(len(hash_) != HASH_BYTES for hash_ in path):
            raise ValueError
        checkpoint = parse_note(rest)
    except BadNote as error:
        raise BadProof(f"its checkpoint is no signed note: {error}") from None
    except ValueError:
        raise BadProof("it has not the lines of a tlog-proof") from None
    return LogProof(int(index.removeprefix("index ")), path, checkpoint, extra)
