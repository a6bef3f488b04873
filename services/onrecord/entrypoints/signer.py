"""The signer as a process: `python -m onrecord.entrypoints.signer`. A second one waits.

It also asks the witnesses of the policy. It exits with 3 where it must not sign.
"""

import signal
import sys
import threading
from types import FrameType
from typing import Final

import structlog
from prometheus_client import Counter

from onrecord.entrypoints.log_files import log_identity, read_policy
from onrecord.entrypoints.start import start_process
from onrecord.kit.secret_file import UnsafeSecretFile
from onrecord.kit.settings import BadSettings, addresses
from onrecord.signing.continuity import SigningRefused
from onrecord.signing.kept_checkpoint import BadKeptCheckpoint, CheckpointNote
from onrecord.signing.key_file import BadKeyFile, KeyFileRefuses
from onrecord.signing.rounds import Rounds
from onrecord.signing.signing_loop import sign_until_stopped
from onrecord.signing.witnesses import start_witness_clients

log = structlog.get_logger()

SIGNED: Final = Counter("onrecord_signer_checkpoints", "Checkpoints that this process offered.")
REFUSED: Final = 3
"""The exit code, that of commands for what is not available."""


def main() -> None:
    """Sign until SIGTERM."""
    settings = start_process("signer")
    stop = threading.Event()

    def shut_down(_: int, __: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, shut_down)
    signal.signal(signal.SIGINT, shut_down)
    url, _ = addresses(settings)
    try:
        policy = read_policy(settings)
        rounds = Rounds(policy)

        def count_and_offer(checkpoint: CheckpointNote) -> None:
            SIGNED.inc()
            rounds.offer(checkpoint)

        start_witness_clients(policy, rounds, url, stop)
        sign_until_stopped(url, log_identity(settings), stop, count_and_offer)
    except (
        BadKeptCheckpoint,
        BadKeyFile,
        BadSettings,
        KeyFileRefuses,
        SigningRefused,
        UnsafeSecretFile,
    ) as error:
        log.error("the signer refuses", why=str(error))
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
