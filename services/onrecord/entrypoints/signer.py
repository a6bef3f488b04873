"""The signer as a process: `python -m onrecord.entrypoints.signer`. A second one waits."""

import logging
import signal
import threading
from types import FrameType
from typing import Final

import psycopg

from onrecord.kit import logs
from onrecord.kit.settings import addresses, load_process_settings
from onrecord.kit.sql import db
from onrecord.signing.key_file import read_or_create_keys
from onrecord.signing.signer import Signer

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 1.0


def main() -> None:
    """Sign until SIGTERM."""
    settings = load_process_settings()
    logs.configure("signer")
    stop = threading.Event()

    def shut_down(_: int, __: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, shut_down)
    signal.signal(signal.SIGINT, shut_down)
    keys = read_or_create_keys(settings.log_key_file, settings.log_origin)
    url, _ = addresses(settings)
    while not stop.is_set():
        try:
            with db.connect(url, role="onrecord_signer") as conn:
                signer = Signer(conn, keys, settings.kept_checkpoint_file)
                while not signer.try_lock():
                    if stop.wait(RETRY_SECONDS):
                        return
                while not stop.wait(POLL_SECONDS):
                    signer.sign_head()
        except psycopg.OperationalError:
            log.exception("the database is away")
            stop.wait(RETRY_SECONDS)


if __name__ == "__main__":
    main()
