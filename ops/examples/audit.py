"""Verifies a live log as `ops/audit.md` describes it: python audit.py URL VKEY KEPT_CHECKPOINT

URL: of the service. VKEY: the log's key, from a source that is not the log. KEPT_CHECKPOINT: a file
with the last checkpoint, which the first run makes. ONRECORD_KEY: a key, where reading needs one.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
from pathlib import Path
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

url, vkey, kept = sys.argv[1].rstrip("/"), sys.argv[2], Path(sys.argv[3])


def check(condition, complaint):
    if not condition:
        sys.exit(f"NOT VERIFIED: {complaint}")


def get(path, accept="*/*"):
    headers = {"Accept": accept}
    if key := os.environ.get("ONRECORD_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    with urlopen(Request(url + path, headers=headers)) as response:
        return response.read()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def tree_hash(leaves):  # RFC 6962, section 2.1
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1", tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def verified(note):  # the size and the root of a checkpoint that the log signed
    text, _, signatures = note.decode().rpartition("\n\n")
    name, _, encoded = vkey.split("+", 2)
    key = base64.b64decode(encoded)
    key_id = sha256(name.encode(), b"\n", key)[:4]
    named = [line.split(" ")[2] for line in signatures.splitlines() if line.split(" ")[1] == name]
    ours = [data for data in map(base64.b64decode, named) if data[:4] == key_id]
    check(len(ours) == 1, "the checkpoint is not signed by the key")
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(ours[0][4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    check((origin, key[0]) == (name, 1), "the checkpoint is of another log")
    return int(size), base64.b64decode(root)


def canonical(value):  # RFC 8785, for JSON with ASCII keys and without floats
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def entries_of(size):  # from the bundles of a tree of this size
    for n in range(-(-size // 256)):
        digits, width = f"{n:0{-(-len(str(n)) // 3) * 3}}", min(256, size - 256 * n)
        path = re.sub(r"(\d{3})(?=\d)", r"x\1/", digits)
        data = get(f"/log/tile/entries/{path}" + (f".p/{width}" if width < 256 else ""))
        while data:
            end = 2 + int.from_bytes(data[:2], "big")
            yield data[2:end]
            data = data[end:]


note = get("/log/checkpoint")
size, root = verified(note)
raw = list(entries_of(size))
leaves = [sha256(b"\0", entry) for entry in raw]
check((size, root) == (len(leaves), tree_hash(leaves)), "the entries do not give the signed root")
if kept.exists():
    old_size, old_root = verified(kept.read_bytes())
    check(old_size <= size, "the log is shorter than it was")
    check(old_root == tree_hash(leaves[:old_size]), f"one of the first {old_size} entries changed")

events = [json.loads(line) for line in get("/v1/events", "application/x-ndjson").splitlines()]
entries, erased = [json.loads(entry) for entry in raw], {}
for seq, entry in reversed(list(enumerate(entries))):  # an erasure comes after what it erases
    check((seq, entry) == (entry["seq"], events[seq]["entry"]), f"event {seq} is not entry {seq}")
    statement = entry["data"].get("target", entry["id"])
    if entry["type"] == "payload.erased":
        erased.setdefault(statement, set()).update(entry["data"]["sections"])
    elif not entry["type"].startswith("statement."):
        statement = None  # nothing else can be erased
    for name, commitment in entry["commit"].items():
        if section := events[seq]["payload"].get(name):
            salt, value = bytes.fromhex(section["salt"]), canonical(section["value"])
            opened = hmac.new(salt, value, "sha256").hexdigest()
            check((len(salt), opened) == (32, commitment), f"{name} of entry {seq} was changed")
        else:
            check(name in erased.get(statement, ()), f"{name} of entry {seq} is withheld")
instants = [entry["recorded_at"] for entry in entries]
check(instants == sorted(instants), "the clock of the log went back")
kept.write_bytes(note)
print(f"verified: {size} entries, root {root.hex()}")
