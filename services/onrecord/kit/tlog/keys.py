"""Keys of logs and witnesses, as C2SP signed-note writes them.

A verifier key (vkey) is `<name>+<key id in hex>+<base64 of type and public key>`. A signing key is
what Go's sumdb/note writes: `PRIVATE+KEY+<name>+<key id>+<base64 of type and seed>`.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

_PRIVATE: Final = "PRIVATE+KEY+"


class KeyType(IntEnum):
    """The types of signatures that are understood here, by their identifier byte."""

    ED25519 = 0x01
    """Of a log, over the text of a note."""
    COSIGNATURE_ED25519 = 0x04
    """Of a witness, over the text and a time (tlog-cosignature)."""
    COSIGNATURE_ML_DSA_44 = 0x06
    """Of a witness, over a `cosigned_message` (tlog-cosignature)."""


_KEY_BYTES: Final = {
    KeyType.ED25519: 32,
    KeyType.COSIGNATURE_ED25519: 32,
    KeyType.COSIGNATURE_ML_DSA_44: 1312,
}


class BadKey(ValueError):
    """A text that is no key, or one of a type that is not understood."""


@dataclass(frozen=True)
class VerifierKey:
    """A public key with its name and type."""

    name: str
    type: KeyType
    public: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise BadKey(f"{self.name[:80]!r} is no name of a key: no spaces, no +, not empty")
        if len(self.public) != _KEY_BYTES[self.type]:
            raise BadKey(f"a key of type {self.type} has {_KEY_BYTES[self.type]} bytes")

    @property
    def id(self) -> bytes:
        """The key id: 4 bytes."""
        return _key_id(self.name, self.type, self.public)

    @property
    def name_and_id(self) -> str:
        """`<name>+<key id>`, with which the vkey begins: it identifies a key in signatures."""
        return f"{self.name}+{self.id.hex()}"

    def __str__(self) -> str:
        """The vkey."""
        return f"{self.name_and_id}+{encode_base64(bytes([self.type]) + self.public)}"

    def is_signature(self, signature: bytes, message: bytes) -> bool:
        """Whether a bare signature is of this key, over this message."""
        try:
            if self.type is KeyType.COSIGNATURE_ML_DSA_44:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """The private key of a log, Ed25519. Its text is a secret."""

    name: str
    private: Ed25519PrivateKey

    @classmethod
    def generate(cls, name: str) -> "SigningKey":
        """A new random key. Raises `BadKey` where the name is not allowed."""
        if not is_key_name(name):
            raise BadKey(f"{name[:80]!r} is no name of a key: no spaces, no +, not empty")
        return cls(name, Ed25519PrivateKey.generate())

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, KeyType.ED25519, self.private.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """The bare signature over the text of a note: 64 bytes."""
        return self.private.sign(text)

    def secret_text(self) -> str:
        """What is kept in the key's file."""
        encoded = encode_base64(bytes([KeyType.ED25519]) + self.private.private_bytes_raw())
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{encoded}"


def parse_verifier_key(text: str) -> VerifierKey:
    """Parse a vkey. Raises `BadKey`."""
    name, id_, type_, public = _parse(text)
    try:
        key = VerifierKey(name, KeyType(type_), public)
    except ValueError as error:
        if isinstance(error, BadKey):
            raise
        raise BadKey(f"type {type_:#04x} of {name} is not understood") from None
    if key.id != id_:
        raise BadKey(f"the id of {name} is not that of its key")
    return key


def parse_signing_key(text: str) -> SigningKey:
    """Parse a private key of type Ed25519. Raises `BadKey`, whose text holds nothing secret."""
    if not text.startswith(_PRIVATE):
        raise BadKey(f"it does not begin with {_PRIVATE}")
    name, id_, type_, seed = _parse(text.removeprefix(_PRIVATE))
    if type_ != KeyType.ED25519 or len(seed) != _KEY_BYTES[KeyType.ED25519]:
        raise BadKey("it is no Ed25519 key")
    key = SigningKey(name, Ed25519PrivateKey.from_private_bytes(seed))
    if key.verifier.id != id_:
        raise BadKey(f"the id of {name} is not that of its key")
    return key


def is_key_name(name: str) -> bool:
    """Not empty, no spaces (of Unicode), control characters or lone surrogates, no plus."""
    return bool(name) and not any(
        c.isspace() or c < " " or c == "+" or "\ud800" <= c <= "\udfff" for c in name
    )


def encode_base64(data: bytes) -> str:
    """Standard base64 (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def decode_base64(text: str) -> bytes:
    """Standard base64 (RFC 4648, section 4) in its one canonical form. Raises ValueError."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if encode_base64(data) != text:
        raise ValueError("its last bits are not zero")
    return data


def _parse(text: str) -> tuple[str, bytes, int, bytes]:
    try:
        name, id_, encoded = text.split("+", 2)
        type_, *key = decode_base64(encoded)
        if len(id_) != 8 or id_ != id_.lower():
            raise ValueError
        return name, bytes.fromhex(id_), type_, bytes(key)
    except ValueError:
        raise BadKey("it has not the form <name>+<8 hex digits>+<base64>") from None


def _key_id(name: str, type_: KeyType, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([type_]) + public).digest()[:4]
