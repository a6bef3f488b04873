"""The signer of a test's ledger, which signs when it is told to."""

from pathlib import Path

from onrecord.kit.sql import db
from onrecord.kit.tlog.keys import SigningKey
from onrecord.signing.signer import Signer


def sign_ledger(url: str, key: SigningKey, folder: Path) -> None:
    """Sign the head of the ledger in this database, if it is not signed yet."""
    with db.connect(url, role="onrecord_signer") as conn:
        Signer(conn, [key], folder / "checkpoint").sign_head()
