"""Verifies a live log as `ops/audit.md` describes it: python audit.py URL VKEY KEPT_CHECKPOINT"""

import hmac
import os
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.request import Request, urlopen

from formats import canonical, check, parse, sorts_at, tree_hash, verify_checkpoint

url, vkey, kept = sys.argv[1], sys.argv[2], Path(sys.argv[3])
note = urlopen(f"{url}/log/checkpoint").read()
size, root = verify_checkpoint(note, vkey)

# Entries: their bytes up to the root, which continues the kept checkpoint
request = Request(f"{url}/v1/events", headers={"Accept": "application/x-ndjson"})
if "ONRECORD_KEY" in os.environ:
    request.add_header("Authorization", f"Bearer {os.environ['ONRECORD_KEY']}")
events = [parse(line) for line in urlopen(request)][:size]
entries = [event["entry"] for event in events]
leaves = [sha256(b"\0" + canonical(entry)).digest() for entry in entries]
check(tree_hash(leaves) == root, "the entries do not give the signed root")
if kept.exists():
    old_size, old_root = verify_checkpoint(kept.read_bytes(), vkey)
    check(tree_hash(leaves[:old_size]) == old_root, f"the log does not continue {kept}")
check([entry["seq"] for entry in entries] == list(range(size)), "a seq is not the entry's place")
check(len({entry["id"] for entry in entries}) == size, "two entries have one id")
check(entries == sorted(entries, key=lambda e: e["recorded_at"]), "recorded_at went back")

# Sections: each opens its commitment, or a later entry erased it
withheld = set()
for event in events:
    entry, kind = event["entry"], event["entry"]["type"]
    target = entry["data"].get("target", entry["id"])
    for name, commitment in entry["commit"].items():
        if section := event["payload"].get(name):
            salt, value = bytes.fromhex(section["salt"]), canonical(section["value"])
            opened = hmac.digest(salt, value, "sha256").hex()
            check(len(salt) == 32 and opened == commitment, f"{name} of {entry['id']} was changed")
        else:
            withheld.add((kind.split(".")[0], target, name))
    if kind == "payload.erased":
        withheld -= {("statement", target, name) for name in entry["data"]["sections"]}
check(not withheld, f"withheld: {sorted(withheld)}")

# Positions: the last one of each timeline that has begun
positions, merged_into, held = {}, {}, {}  # a dict keeps the order in which positions were made
for entry in entries:
    kind, data = entry["type"], entry["data"]
    if kind == "position.changed":
        positions[entry["id"]] = data
    elif kind in ("position.corrected", "position.retracted"):
        positions[data["target"]] = data.get("replacement")
    elif kind == "actor.merged":
        merged_into[data["actor"]] = data["into"]
    elif kind == "actor.unmerged":
        del merged_into[data["actor"]]
begun = [p for p in positions.values() if p and sorts_at(p["effective"]) <= datetime.now(UTC)]
for position in sorted(begun, key=lambda p: (sorts_at(p["effective"]), p.get("order", 0))):
    actor = position["actor"]
    while actor in merged_into:
        actor = merged_into[actor]
    held[actor, position["topic"]] = position
for (actor, topic), position in sorted(held.items()):
    print(actor, topic, position["stance"], position["effective"])
kept.with_name(f"{kept.name}.new").write_bytes(note)
kept.with_name(f"{kept.name}.new").replace(kept)
print(f"verified: {size} entries, root {root.hex()}")
