"""Signed notes (C2SP signed-note): a text, a blank line, and signature lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from onrecord.kit.tlog.keys import (
    SigningKey,
    VerifierKey,
    decode_base64,
    encode_base64,
    is_key_name,
)

MAX_BYTES: Final = 1 << 20
MAX_SIGNATURES: Final = 100
_DASH: Final = "— "


class BadNote(ValueError):
    """A text that is no signed note, or that a known key did not sign."""


class SignatureLine(NamedTuple):
    """A signature in a note. `key_id`: 4 bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        encoded = encode_base64(self.key_id + self.signature)
        return f"{_DASH}{self.name} {encoded}\n"

    def is_by(self, key: VerifierKey) -> bool:
        return (self.name, self.key_id) == (key.name, key.id)


@dataclass(frozen=True)
class Note:
    """A text that ends in a newline, and its signatures, checked or not."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    def signed_by(self, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
        """Those of these keys of logs that signed the text.

        Raises `BadNote` where a line names one of the keys but is no signature of it, and where
        one key has two lines.
        """
        signers = []
        for key in keys:
            lines = [line for line in self.signatures if line.is_by(key)]
            if len(lines) > 1:
                raise BadNote(f"{key.name} has {len(lines)} signatures with one key")
            if lines:
                if not key.is_signature(lines[0].signature, self.text.encode()):
                    raise BadNote(f"the signature of {key.name} is not of this text")
                signers.append(key)
        return signers


def sign_note(text: str, keys: Sequence[SigningKey]) -> Note:
    """A note with a signature of each key."""
    lines = [SignatureLine(key.name, key.verifier.id, key.sign(text.encode())) for key in keys]
    return Note(text, tuple(lines))


def parse_note(text: str) -> Note:
    """Parse a signed note. Its signatures are not checked. Raises `BadNote`."""
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise BadNote("it is not valid UTF-8") from None
    if length > MAX_BYTES:
        raise BadNote(f"it has over {MAX_BYTES} bytes")
    if any(character < " " and character != "\n" for character in text):
        raise BadNote("it holds control characters")
    body, blank, signatures = text.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise BadNote("it does not end in a blank line and signatures")
    lines = parse_signature_lines(signatures)
    return Note(f"{body}\n", lines)


def parse_signature_lines(text: str) -> tuple[SignatureLine, ...]:
    """Parse lines of signatures, each with its newline; at least one. Raises `BadNote`."""
    *lines, rest = text.split("\n")
    if rest or not lines:
        raise BadNote("a line of a signature does not end")
    if len(lines) > MAX_SIGNATURES:
        raise BadNote(f"it has over {MAX_SIGNATURES} signatures")
    return tuple(_parse_line(line) for line in lines)


def _parse_line(line: str) -> SignatureLine:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        if not line.startswith(_DASH) or not space or not is_key_name(name):
            raise ValueError
        data = decode_base64(encoded)
        if len(data) <= 4:
            raise ValueError
    except ValueError:
        raise BadNote(f"{line[:80]!r} is no line of a signature") from None
    return SignatureLine(name, data[:4], data[4:])
