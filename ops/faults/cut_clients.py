"""Fault: clients that go away before they have their answer, thousands of them.

Serves all APIs over a new embedded PostgreSQL, cuts streams, pages, reads and writes at random
moments, and exits with 1 unless every pool is whole afterwards.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support import postgres, streaming
from tests.support.cut_clients import (
    cut_clients,
    missing_connections,
    opened_pools,
)
from tests.support.store import open_store, run_api

SETTLES_IN = 20.0
"""Seconds in which pools must be whole after the last client: more than a statement may take."""


def main() -> int:
    """Run the fault; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="clients in all")
    parser.add_argument("--at-once", type=int, default=40, help="clients at a time")
    parser.add_argument("--events", type=int, default=1_000, help="events on record")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    options = parser.parse_args()
    with (
        postgres.server() as server_url,
        postgres.database(server_url) as url,
        open_store(url) as store,
        opened_pools() as pools,
    ):
        streaming.seed_stream(store)
        streaming.append_events(store, *range(20, options.events))
        store.catch_up()
        with run_api(url) as client:
            port = client.base_url.port
            assert port
            began = time.monotonic()
            asyncio.run(
                cut_clients(port, count=options.count, at_once=options.at_once, seed=options.seed)
            )
            print(f"{options.count:,} clients cut in {time.monotonic() - began:.0f} s")
            deadline = time.monotonic() + SETTLES_IN
            while any(missing_connections(pools).values()) and time.monotonic() < deadline:
                time.sleep(0.1)
            missing = missing_connections(pools)
            store.sweep()  # or webhooks would be too far behind
            statuses = [client.get(path).status_code for path in ("/readyz", "/v1/events")]
    for role, connections in missing.items():
        print(f"{role}: {connections} connections lost")
    print(f"/readyz and /v1/events answer {statuses}")
    return 1 if any(missing.values()) or statuses != [200, 200] else 0


if __name__ == "__main__":
    sys.exit(main())
