"""The signer's loop: sign each new head until it is stopped, whatever goes away meanwhile.

Run by the process `entrypoints.signer`.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog

from onrecord.kit.sql import db
from onrecord.signing.kept_checkpoint import CheckpointNote
from onrecord.signing.log_identity import LogIdentity, identify_log
from onrecord.signing.signer import Signer

log = structlog.get_logger()

INTERVAL_SECONDS: Final = 0.5
"""Between two reads of the ledger's head. A new head must be signed within a second, of which half
is left for the signing itself."""
RETRY_SECONDS: Final = 1.0
_SETTINGS: Final = {"statement_timeout": "10s", "tcp_user_timeout": "10s"}


def sign_until_stopped(
    url: str,
    identity: LogIdentity,
    stop: threading.Event,
    on_signed: Callable[[CheckpointNote], None],
) -> None:
    """Sign, and call `on_signed` with each checkpoint once it is stored.

    Waits while another signer holds the lock, the database is away or the disk is full. Raises
    `SigningRefused`, `BadKeptCheckpoint`, `BadKeyFile`, `KeyFileRefuses` and `UnsafeSecretFile`.
    """
    waiting_for = ""
    while not stop.is_set():
        try:
            with db.connect_writer(url, role="onrecord_signer", **_SETTINGS) as conn:
                _sign_while_unchanged(conn, identity, stop, on_signed)
            waiting_for = ""
        except (psycopg.OperationalError, OSError) as error:
            if waiting_for != type(error).__name__:  # once, not each second
                log.warning("the signer waits", what=f"{type(error).__name__}: {error}")
            waiting_for = type(error).__name__
            stop.wait(RETRY_SECONDS)


def _sign_while_unchanged(
    conn: psycopg.Connection[Any],
    identity: LogIdentity,
    stop: threading.Event,
    on_signed: Callable[[CheckpointNote], None],
) -> None:
    """Sign until the key file changes."""
    identify_log(conn, identity)  # makes the file if it is missing and may be made
    version = _file_version(identity.key_file)
    keys = identify_log(conn, identity)  # of this version, or of a later one, which is noticed
    signer = Signer(conn, keys, identity.kept)
    while not signer.try_lock():
        if stop.wait(RETRY_SECONDS) or _file_version(identity.key_file) != version:
            return
    newest = signer.start()
    log.info("the signer signs", origin=keys[0].name, keys=len(keys))
    if newest:
        on_signed(newest)
    while not stop.wait(INTERVAL_SECONDS) and _file_version(identity.key_file) == version:
        if signed := signer.sign_head():
            on_signed(signed)


def _file_version(path: Path) -> tuple[int, int, int]:
    """A value that changes whenever the file is replaced or written to."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size
