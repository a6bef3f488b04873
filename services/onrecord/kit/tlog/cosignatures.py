"""Cosignatures of witnesses on checkpoints (C2SP tlog-cosignature), of both types of keys.

A signature is a time, 8 bytes, and the bare signature over a message that holds this time. Used by
the signer, which checks the answers of witnesses, and by `policies`.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.keys import KeyType, VerifierKey
from onrecord.kit.tlog.notes import BadNote, Note, SignatureLine

_TIME_BYTES: Final = 8
_MAX_TIME: Final = 2**63 - 1
_SUBTREE_LABEL: Final = b"subtree/v1\n\0"
COSIGNATURE_TYPES: Final = (KeyType.COSIGNATURE_ED25519, KeyType.COSIGNATURE_ML_DSA_44)


class Cosignature(NamedTuple):
    """A witness's statement that at this time it knew no longer tree of the log."""

    key: VerifierKey
    time: int
    """In seconds since the epoch."""
    line: SignatureLine


def cosigned_message(key: VerifierKey, checkpoint: Checkpoint, time: int) -> bytes:
    """What a witness signs. Raises `BadNote` where the key is not of a witness."""
    if key.type is KeyType.COSIGNATURE_ED25519:
        return f"cosignature/v1\ntime {time}\n{checkpoint.text}".encode()
    if key.type is KeyType.COSIGNATURE_ML_DSA_44:
        return b"".join(
            [
                _SUBTREE_LABEL,
                _opaque(key.name),
                time.to_bytes(8, "big"),
                _opaque(checkpoint.origin),
                bytes(8),  # from the first leaf on
                checkpoint.size.to_bytes(8, "big"),
                checkpoint.root,
            ]
        )
    raise BadNote(f"the key {key.name} is not of a witness")


def cosignatures(note: Note, keys: Iterable[VerifierKey]) -> list[Cosignature]:
    """The cosignatures of these keys on a checkpoint, in the order of the keys.

    Lines of other keys are ignored. Raises `BadNote` where the note is no checkpoint, where a line
    names one of the keys but is no cosignature of it, and where one key has two lines.
    """
    checkpoint = parse_checkpoint(note)
    checked = []
    for key in keys:
        lines = [line for line in note.signatures if line.is_by(key)]
        if len(lines) > 1:
            raise BadNote(f"{key.name} has {len(lines)} cosignatures with one key")
        checked += [_check(line, key, checkpoint) for line in lines]
    return checked


def _check(line: SignatureLine, key: VerifierKey, checkpoint: Checkpoint) -> Cosignature:
    time = int.from_bytes(line.signature[:_TIME_BYTES], "big")
    message = cosigned_message(key, checkpoint, time)
    # a time of 0 states nothing about later trees (tlog-witness, add-checkpoint)
    in_range = 0 < time <= _MAX_TIME
    if not in_range or not key.is_signature(line.signature[_TIME_BYTES:], message):
        raise BadNote(f"the cosignature of {key.name} is not of this checkpoint")
    return Cosignature(key, time, line)


def _opaque(name: str) -> bytes:
    data = name.encode()
    if len(data) > 255:
        raise BadNote(f"the name {name[:80]!r} has over 255 bytes")
    return len(data).to_bytes(1, "big") + data
