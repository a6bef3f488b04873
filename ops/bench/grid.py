"""Benchmark: a page of the grid of positions against a page of a topic's positions.

On the UN votes: the first 100 positions of random topics, and 100 positions of the grid from random
pairs on, without a filter and with filters by names, in time and in buffers.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import bench
import lines
from positions import QueryRunner

from onrecord.kit.sql import db
from onrecord.projections.queries import grid_page, positions_page

LIMIT = 100
Query = tuple[Any, dict[str, Any]]


class Pages:
    """Queries for pages at random places."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs, self._chance = pairs, random.Random(1)

    def topic(self) -> Query:
        _, topic = self._chance.choice(self._pairs)
        now = {"as_of": datetime.now(UTC), "known_size": None, "after": "", "limit": LIMIT}
        return db.compiled(positions_page("topic")), {"topic": topic, **now}

    def grid(self, *, actors: int = 0, topics: int = 0) -> Query:
        chosen = self._chance.sample(self._pairs, k=max(actors, topics, 1))
        filters = {
            name: sorted({pair[n] for pair in chosen[:count]})
            for n, (name, count) in enumerate((("actors", actors), ("topics", topics)))
            if count
        }
        after = ("", "") if filters else self._chance.choice(self._pairs)
        params = {
            "as_of": datetime.now(UTC),
            "known_size": None,
            "after_actor": after[0],
            "after_topic": after[1],
            "limit": LIMIT,
            "max_pairs": 2_000,
        }
        return db.compiled(grid_page(filters)), {**params, **filters}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the unvotes data")
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--count", type=int, default=60, help="pages in a slice")
    args = parser.parse_args()
    with bench.postgres() as server:
        url = bench.migrated(server, "grid")
        size = lines.insert_votes(url, list(lines.votes(args.data)), copies=1)
        pairs = lines.pairs(url, 2_000)
        runner, pages = QueryRunner(url, pairs, size), Pages(pairs)
        makes: dict[str, Callable[[], Query]] = {
            "a topic's positions": pages.topic,
            "the grid": pages.grid,
            "of 10 actors": partial(pages.grid, actors=10),
            "of 50 actors": partial(pages.grid, actors=50),
            "of a topic": partial(pages.grid, topics=1),
            "of 10 topics": partial(pages.grid, topics=10),
            "of 20 actors and 20 topics": partial(pages.grid, actors=20, topics=20),
        }
        sides = {name: partial(runner.rate, make, args.count) for name, make in makes.items()}
        figures = bench.alternate(sides, slices=args.slices, before=lambda: None)
        took = {name: [1e3 / rate for rate in rates] for name, rates in figures.items()}
        print(f"\n| a page of {LIMIT} among {size:,} steps | rows | ms | buffers a row |")
        print("|---|---:|---:|---:|")
        for name, make in makes.items():
            rows = statistics.mean(runner.count(make) for _ in range(50))
            touched = statistics.mean(runner.buffers(make, 50))
            print(f"| {name} | {rows:.0f} | {bench.spread(took[name])} | {touched / rows:.1f} |")


if __name__ == "__main__":
    main()
