"""Fault: the database is away for minutes while clients read.

Freezes the supervisor of `onrecord up`, kills its PostgreSQL, and lets it start PostgreSQL again
after a while. Exits with 1 unless a new entry is then accepted, readable and delivered in time.
"""

import argparse
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx2

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support.supervised import POSTGRES, SECONDS, Supervised, run_supervised

PATHS = ("/v1/events", "/v1/actors", "/readyz")


def main() -> int:
    """Run the fault; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=100, help="that the database is away")
    parser.add_argument("--clients", type=int, default=6, help="that read meanwhile")
    options = parser.parse_args()
    with run_supervised() as supervised:
        stopping = threading.Event()
        readers = [
            threading.Thread(target=read, args=(supervised, stopping))
            for _ in range(options.clients)
        ]
        for reader in readers:
            reader.start()
        supervised.root.send_signal(signal.SIGSTOP)
        supervised.kill(POSTGRES)
        print(f"PostgreSQL is away for {options.seconds} s")
        time.sleep(options.seconds)
        supervised.root.send_signal(signal.SIGCONT)
        began = time.monotonic()
        try:
            supervised.assert_works()
            print(f"an entry is delivered after {time.monotonic() - began:.1f} s")
            return 0
        except AssertionError as error:
            print(f"not within {SECONDS:.0f} s: {error}")
            return 1
        finally:
            stopping.set()
            for reader in readers:
                reader.join()


def read(supervised: Supervised, stopping: threading.Event) -> None:
    """Read in a loop, whatever is answered."""
    with supervised.user.client() as client:
        while not stopping.wait(0.2):
            for path in PATHS:
                with suppress(httpx2.TransportError):
                    client.http.get(path)


if __name__ == "__main__":
    sys.exit(main())
