"""Bodies of the witness protocol (C2SP tlog-witness): the request and the answer to a stale one."""

import re
from collections.abc import Sequence
from typing import Final

from onrecord.kit.tlog.keys import encode_base64
from onrecord.kit.tlog.notes import BadNote, Note

_SIZE: Final = re.compile(r"(0|[1-9][0-9]{0,18})\n", re.ASCII)


def add_checkpoint_request(old_size: int, proof: Sequence[bytes], note: Note) -> bytes:
    """The body of `add-checkpoint`. `proof`: that the checkpoint continues a tree of `old_size`."""
    hashes = "".join(f"{encode_base64(hash_)}\n" for hash_ in proof)
    return f"old {old_size}\n{hashes}\n{note}".encode()


def parse_size(text: str) -> int:
    """The size in the body of a 409. Raises `BadNote`."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise BadNote(f"{text[:80]!r} is no size of a log")
    return int(match[1])
