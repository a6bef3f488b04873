"""The standard formats of `ops/audit.md`, for which most languages have libraries. See audit.py."""

import json
import sys
from base64 import b64decode
from calendar import monthrange
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def check(condition, complaint):
    if not condition:
        sys.exit(f"NOT VERIFIED: {complaint}")


def verify_checkpoint(note, vkey):
    """The size and the root of a signed checkpoint (C2SP signed-note, tlog-checkpoint)."""
    text, _, lines = note.decode().partition("\n\n")
    origin, size, root = text.split("\n")
    name, key_id, key = vkey.split("+", 2)
    named = [line.split(" ")[2] for line in lines.splitlines() if line.split(" ")[1] == name]
    signatures = [data[4:] for data in map(b64decode, named) if data[:4].hex() == key_id]
    check(origin == name and len(signatures) == 1, "the checkpoint is not signed by the key")
    public_key = Ed25519PublicKey.from_public_bytes(b64decode(key)[1:])
    try:
        public_key.verify(signatures[0], f"{text}\n".encode())
    except InvalidSignature:
        check(False, "the signature is not over this checkpoint")
    return int(size), b64decode(root)


def tree_hash(leaves):
    """The root over these leaf hashes (RFC 6962, section 2.1)."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256().digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def parse(line):
    """JSON, refused where an object has a key twice."""
    return json.loads(line, object_pairs_hook=_strict_object)


def _strict_object(pairs):
    check(len(dict(pairs)) == len(pairs), "an object has a key twice")
    return dict(pairs)


def canonical(value):
    """The bytes of RFC 8785, of JSON with ASCII keys and without floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sorts_at(date):
    """The first instant that a date can mean; of "../D", the last one."""
    text = date.removeprefix("../")
    if "T" in text:
        return datetime.fromisoformat(text)
    year, month, day = (int(part or 0) for part in f"{text}--".split("-")[:3])
    if text == date:
        return datetime(year, month or 1, day or 1, tzinfo=UTC)
    month = month or 12
    day = day or monthrange(year, month)[1]
    return datetime(year, month, day, 23, 59, 59, 999999, tzinfo=UTC)
