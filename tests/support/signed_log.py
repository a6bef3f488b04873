"""The ledger of a test as a signed log: its key, its checkpoints, and a copy of its files."""

from pathlib import Path
from typing import Final

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onrecord.kit.tlog.keys import SigningKey
from tests.support import naive_log

ORIGIN: Final = "record.example.org/log"
KEY: Final = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
VKEY: Final = str(KEY.verifier)


def mirror(client: httpx2.Client, folder: Path, size: int) -> dict[str, bytes]:
    """Copy the log of this size into a folder, as a static web server would serve it.

    Returns the files below `tile/` by their addresses.
    """
    (folder / "checkpoint").write_bytes(fetch(client, "checkpoint"))
    files = {path: fetch(client, f"tile/{path}") for path in naive_log.file_paths(size)}
    for path, data in files.items():
        file = folder / "tile" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return files


def fetch(client: httpx2.Client, path: str) -> bytes:
    response = client.get(f"/log/{path}")
    assert response.status_code == 200, (path, response.text)
    return response.content
