"""Shared parts of the benchmarks: an embedded server, alternating slices, a table of the results.

Used by the scripts in this directory. Nothing here is part of the product or of CI.
"""

import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from pydantic import SecretStr

from onrecord.entrypoints import infrastructure
from onrecord.kit.postgres import embedded
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db
from onrecord.projections.engine.projection import Projection

SPAWN = multiprocessing.get_context("spawn")


def say(message: str) -> None:
    """Show progress on stderr: on a single line of a terminal, or as a line for each message."""
    on_terminal = sys.stderr.isatty()
    print(
        f"\r\x1b[K{message}" if on_terminal else message,
        end="" if on_terminal else "\n",
        file=sys.stderr,
    )
    sys.stderr.flush()


def progress(what: str, done: int, total: int) -> None:
    """Show the progress of a long task at each quarter."""
    if done * 4 // total > (done - 1) * 4 // total:
        say(f"{what}: {done:,} of {total:,}")


def raise_error(_: Projection, error: Exception) -> None:
    """Raise the error of a fold: a benchmark must not go on without it."""
    raise error


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a new embedded server with the settings of `onrecord up`."""
    with tempfile.TemporaryDirectory(prefix="onrecord-bench-") as folder:
        Path(folder).chmod(0o755)  # the server's own user passes through it to its data
        say("starting PostgreSQL")
        with embedded.running_server(Path(folder), echo=say) as server:
            with db.connect(server.superuser_url) as conn:
                for name in ("fsync", "synchronous_commit", "full_page_writes"):
                    setting = conn.execute("SELECT current_setting(%s)", [name]).fetchone()
                    assert setting == ("on",), f"{name} is {setting}"
                version = conn.execute("SHOW server_version").fetchone()
            print(_machine(version[0] if version else "?"))
            yield server.superuser_url


def migrated(server: str, name: str) -> str:
    """The address of a new database with an empty ledger."""
    url = database(server, name)
    infrastructure.prepare_database(
        infrastructure.with_addresses(Settings(database_url=SecretStr(url)), url), url
    )
    return url


def database(server: str, name: str) -> str:
    """The address of a new, empty database."""
    with db.connect(server) as conn:
        conn.execute(f'CREATE DATABASE "{name}"')
    return server.replace("@/onrecord?", f"@/{name}?")


def settle(url: str) -> None:
    """Run a checkpoint, so that the next slice does not pay for the writes of the last."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")


def alternate(
    sides: Mapping[str, Callable[[], float]], *, slices: int, before: Callable[[], None]
) -> dict[str, list[float]]:
    """The figure of each side, slice by slice: A B, B A, A B ... after an unmeasured slice."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for n in range(-1, slices):
        for name in list(sides)[:: -1 if n % 2 else 1]:
            label = "warming up" if n < 0 else f"slice {n + 1} of {slices}"
            say(f"{label}: {name}")
            before()
            figure = sides[name]()
            if n >= 0:
                figures[name].append(figure)
    say("done")
    return figures


def table(
    title: str,
    figures: Mapping[str, Sequence[float]],
    *,
    unit: str,
    target: float | Mapping[str, float],
) -> None:
    """Print the sides as Markdown, and the ratio of the first to each other one, by slice."""
    first, *others = figures
    print(f"\n**{title}**\n\n| side | median, {unit} | least to most |\n|---|---:|---:|")
    for name, rates in figures.items():
        print(f"| {name} | {_median_and_range(rates)} |")
    if others:
        print("\n| ratio | median | least to most | target |\n|---|---:|---:|---:|")
    for name in others:
        aim = target[name] if isinstance(target, Mapping) else target
        ratios = [a / b for a, b in zip(figures[first], figures[name], strict=True)]
        print(f"| {first} / {name} | {_median_and_range(ratios)} | {aim:g} |")
    sys.stdout.flush()


def spread(numbers: Sequence[float]) -> str:
    """A median with minimum and maximum, for a table cell."""
    return f"{statistics.median(numbers):.3g} ({min(numbers):.3g} to {max(numbers):.3g})"


def _median_and_range(numbers: Sequence[float]) -> str:
    form = ",.0f" if min(numbers) >= 100 else ".2f"
    median = format(statistics.median(numbers), form)
    return f"{median} | {format(min(numbers), form)} to {format(max(numbers), form)}"


def _machine(postgres_version: str) -> str:
    model = "unknown processor"
    if (info := Path("/proc/cpuinfo")).exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = models[0].partition(":")[2].strip() if models else platform.machine()
    load = os.getloadavg()[0]
    return (
        f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({model}), Python"
        f" {platform.python_version()}, PostgreSQL {postgres_version}; load before: {load:.2f}"
    )
