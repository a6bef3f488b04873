"""An audit of a log over HTTP by `aics-tlog`, as a program of its own: see `python312`.

    python aics_audit.py URL VKEY OLDER_NOTE

`URL` ends in `/log`; `OLDER_NOTE`: the path of a checkpoint that was kept. Prints JSON: what it
audited, the root, and whether the log continues the older checkpoint.
"""

import json
import sys
from pathlib import Path

import aics_tlog


def main(url: str, vkey: str, older_note: str) -> dict[str, object]:
    key = aics_tlog.parse_vkey(vkey)
    reader = aics_tlog.HttpTileReader(url, proxies={})
    newest = verified(reader.read_checkpoint(), key)
    older = verified(Path(older_note).read_bytes(), key)
    report = aics_tlog.audit_tiles(reader, newest.size, newest.root)
    proof = aics_tlog.consistency_proof_from_tiles(reader, older.size, newest.size)
    continues = aics_tlog.verify_consistency(
        older.size, newest.size, older.root, newest.root, proof
    )
    return {
        "size": report.size,
        "root": newest.root.hex(),
        "tiles": report.tiles,
        "bundles": report.bundles,
        "consistency_proof": [hash_.hex() for hash_ in proof],
        "continues": continues,
    }


def verified(note: bytes, key: aics_tlog.VKey) -> aics_tlog.Checkpoint:
    result = aics_tlog.verify_checkpoint(aics_tlog.parse_note(note), key, expected_origin=key.name)
    assert result.log_ok, result.error
    return aics_tlog.parse_checkpoint(aics_tlog.parse_note(note).text)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
