"""The signer of a test's ledger, which signs when it is told to."""

from pathlib import Path

from onrecord.kit.sql import db
from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.keys import SigningKey
from onrecord.signing.signer import Signer


def sign_ledger(url: str, folder: Path, *keys: SigningKey) -> Checkpoint | None:
    """Sign the head of the ledger in this database; None if it is signed already."""
    with db.connect(url, role="onrecord_signer") as conn:
        signed = Signer(conn, list(keys), folder / "checkpoint").sign_head()
    return signed.checkpoint if signed else None
