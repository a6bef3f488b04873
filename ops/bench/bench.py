"""What do all benches share? A server of their own, alternated slices, a table.

Called by the scripts beside it. Nothing here is part of the product or of CI.
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

SPAWN = multiprocessing.get_context("spawn")


def say(told: str) -> None:
    """Show on stderr what goes on now: on one line of a terminal, else a line each."""
    alone = sys.stderr.isatty()
    print(f"\r\x1b[K{told}" if alone else told, end="" if alone else "\n", file=sys.stderr)
    sys.stderr.flush()


def progress(doing: str, done: int, whole: int) -> None:
    """Show how far a long thing has come, each quarter of it."""
    if done * 4 // whole > (done - 1) * 4 // whole:
        say(f"{doing}: {done:,} of {whole:,}")


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a fresh embedded server, as `onrecord up` sets it: fsync and all."""
    with tempfile.TemporaryDirectory(prefix="onrecord-bench-") as folder:
        Path(folder).chmod(0o755)  # the server's own user passes through it to its data
        say("starting PostgreSQL")
        with embedded.running_server(Path(folder), echo=say) as server:
            with db.connect(server.url) as conn:
                for name in ("fsync", "synchronous_commit", "full_page_writes"):
                    found = conn.execute("SELECT current_setting(%s)", [name]).fetchone()
                    assert found == ("on",), f"{name} is {found}"
                version = conn.execute("SHOW server_version").fetchone()
            print(_machine(version[0] if version else "?"))
            yield server.url


def migrated(server: str, name: str) -> str:
    """The address of a new database that holds an empty ledger."""
    url = database(server, name)
    infrastructure.prepare_database(
        infrastructure.with_addresses(Settings(database_url=SecretStr(url)), url)
    )
    return url


def database(server: str, name: str) -> str:
    """The address of a new, empty database."""
    with db.connect(server) as conn:
        conn.execute(f'CREATE DATABASE "{name}"')
    return server.replace("@/onrecord?", f"@/{name}?")


def settle(url: str) -> None:
    """Have the server write out what it holds back, so that the next slice does not pay for it."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")


def alternate(
    sides: Mapping[str, Callable[[], float]], *, slices: int, before: Callable[[], None]
) -> dict[str, list[float]]:
    """The figure that each side gives, slice by slice: A B, B A, A B ... after one unmeasured."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for n in range(-1, slices):
        for name in list(sides)[:: -1 if n % 2 else 1]:
            told = "warming up" if n < 0 else f"slice {n + 1} of {slices}"
            say(f"{told}: {name}")
            before()
            figure = sides[name]()
            if n >= 0:
                found[name].append(figure)
    say("done")
    return found


def table(
    title: str,
    found: Mapping[str, Sequence[float]],
    *,
    unit: str,
    target: float | Mapping[str, float],
) -> None:
    """Print sides as Markdown; the first against each of the others, slice by slice."""
    ours, *others = found
    print(f"\n**{title}**\n\n| side | median, {unit} | least to most |\n|---|---:|---:|")
    for name, rates in found.items():
        print(f"| {name} | {_told(rates)} |")
    if others:
        print("\n| ratio | median | least to most | target |\n|---|---:|---:|---:|")
    for name in others:
        aim = target[name] if isinstance(target, Mapping) else target
        ratios = [a / b for a, b in zip(found[ours], found[name], strict=True)]
        print(f"| {ours} / {name} | {_told(ratios)} | {aim:g} |")
    sys.stdout.flush()


def spread(numbers: Sequence[float]) -> str:
    """A median with the least and the most, for one cell."""
    return f"{statistics.median(numbers):.3g} ({min(numbers):.3g} to {max(numbers):.3g})"


def _told(numbers: Sequence[float]) -> str:
    form = ",.0f" if min(numbers) >= 100 else ".2f"
    median = format(statistics.median(numbers), form)
    return f"{median} | {format(min(numbers), form)} to {format(max(numbers), form)}"


def _machine(postgres_version: str) -> str:
    model = "unknown processor"
    if (info := Path("/proc/cpuinfo")).exists():
        named = [one for one in info.read_text().splitlines() if one.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else platform.machine()
    load = os.getloadavg()[0]
    return (
        f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores ({model}), Python"
        f" {platform.python_version()}, PostgreSQL {postgres_version}; load before: {load:.2f}"
    )
