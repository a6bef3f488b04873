"""Benchmark: pages against the JSON at the same addresses, with 32 clients.

On UN votes as positions, with the statements that some rest on. The target of each page is half of
the answers a second of its JSON. The home page is also timed alone.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import bench
import lines
import positions
import serving
from sqlalchemy import text

from onrecord.kit.sql import db

VOTES: Final = 100_000
_STATEMENTS: Final = text("SELECT DISTINCT id FROM projections.statements LIMIT 500")


def compare(
    port: int, paths: dict[str, Callable[[], str]], slices: int, count: int
) -> dict[str, dict[str, list[float]]]:
    """Answers a second of each page and of its JSON, by the name of the page."""
    pipe, end = bench.SPAWN.Pipe()
    bench.SPAWN.Process(target=positions.generate_gets, args=(port, end), daemon=True).start()

    def send(make: Callable[[], str], accept: str) -> float:
        head = f"GET {{}} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
        head += f"{serving.AUTHORIZATION}\r\n\r\n"
        pipe.send([head.format(make()).encode() for _ in range(count)])
        seconds, took = pipe.recv()
        assert len(took) == count
        return count / float(seconds)

    figures = {
        name: bench.alternate(
            {
                f"{name}, page": partial(send, make, "text/html"),
                f"{name}, JSON": partial(send, make, "application/json"),
            },
            slices=slices,
            before=lambda: None,
        )
        for name, make in paths.items()
    }
    pipe.send(None)
    return figures


def home_alone(port: int, count: int = 50) -> list[float]:
    """Milliseconds of the home page for one client."""
    connection = serving.connection(port)
    took = []
    for _ in range(count):
        start = time.perf_counter()
        connection.request("GET", "/", headers={"Accept": "text/html"})
        answer = connection.getresponse()
        body = answer.read()
        took.append(1e3 * (time.perf_counter() - start))
        assert answer.status == 200, body
    return took


def addresses(url: str, pairs: Sequence[tuple[str, str]]) -> dict[str, Callable[[], str]]:
    """A function for each kind of page that makes the next address."""
    chance = random.Random(1)
    with db.connect(url, role="onrecord_query") as conn:
        ids = [str(row[0]) for row in conn.execute(_STATEMENTS.text)]
    return {
        "home": lambda: "/",
        "actor and topic": lambda: "/actors/{}/topics/{}".format(*chance.choice(pairs)),
        "actor": lambda: f"/actors/{chance.choice(pairs)[0]}",
        "topic": lambda: f"/topics/{chance.choice(pairs)[1]}",
        "statement": lambda: f"/statements/{chance.choice(ids)}",
        "grid": lambda: f"/grid?actor={chance.choice(pairs)[0]}",
        "search": lambda: f"/search?actor={chance.choice(pairs)[0]}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the unvotes data")
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--count", type=int, default=1_000, help="requests in a slice")
    args = parser.parse_args()
    votes = list(islice(lines.votes(args.data), VOTES))
    with bench.postgres() as server:
        url = bench.migrated(server, "pages")
        lines.insert_votes(url, votes, copies=1)
        pairs = lines.pairs(url, 2_000)
        lines.insert_statements(url, pairs)
        with serving.served(url) as api:
            figures = compare(api.port, addresses(url, pairs), args.slices, args.count)
            for name, sides in figures.items():
                bench.table(name, sides, unit="answers/s", target=0.5)
            took = home_alone(api.port)
            print(f"\nThe home page alone, of {VOTES:,} events: {bench.spread(took)} ms")


if __name__ == "__main__":
    main()
