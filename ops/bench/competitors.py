"""Benchmark: appends a second of the ledger, against other event stores for PostgreSQL.

32 producers of 1 KB on the same server, in databases of their own: our committer; the recorder of
`eventsourcing`, newest version, one event a call from 32 threads, as it comes and with its database
functions (faster, but without the lock that keeps its ids in the order of commits); and
message-db's `write_message` in one category on 32 connections.

Not part of CI. It downloads: `eventsourcing` with psycopg's C build is installed from the package
index into an environment in a temporary folder. message-db is read from a folder given with
`--message-db`, a clone of github.com/message-db/message-db; without it, it is left out.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

import bench
import orjson
import statements
from append import MANY, Ours
from connections import Commit, Connections
from psycopg.conninfo import conninfo_to_dict

from onrecord.domain.ids import new_id
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.sql import db

INSTALLED = ("eventsourcing", "psycopg[binary,pool]")

# In the order of message-db's own install.sh. What only reads is left out, and pgcrypto, which it
# wants for `gen_random_uuid`: PostgreSQL has had that itself since 13.
MESSAGE_DB = {
    "": ["schema/message-store", "tables/messages", "types/message"],
    "functions/": [
        *("message-store-version", "hash-64", "acquire-lock", "category", "is-category", "id"),
        *("cardinal-id", "stream-version", "write-message"),
    ],
    "indexes/": ["messages-id", "messages-stream", "messages-category"],
}

WRITE = "SELECT message_store.write_message(%s, %s, %s, %s::jsonb)"


class Eventsourcing:
    """A process that records events with the library, or with `runner` folds them."""

    def __init__(
        self, python: Path, url: str, *, functions: bool = False, runner: bool = False
    ) -> None:
        address = conninfo_to_dict(url)
        settings = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": address["dbname"],
            "POSTGRES_HOST": address["host"],
            "POSTGRES_PORT": address["port"],
            "POSTGRES_USER": address["user"],
            "POSTGRES_PASSWORD": "",
            # As many connections as it allows itself by default; twice as many are no faster.
            "POSTGRES_POOL_SIZE": 15,
            "POSTGRES_MAX_OVERFLOW": 0,
            "POSTGRES_ENABLE_DB_FUNCTIONS": "yes" if functions else "no",
        }
        self._process = subprocess.Popen(
            [
                python,
                Path(__file__).with_name(f"eventsourcing_{'runner' if runner else 'side'}.py"),
                str(statements.BYTES),
            ],
            env=os.environ | {name: str(value) for name, value in settings.items()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def rate(self, count: int) -> float:
        """Events a second; creating them is not timed."""
        assert self._process.stdin
        print(count, file=self._process.stdin, flush=True)
        return count / float(self._line())

    def close(self) -> None:
        self._process.communicate(timeout=20)

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


def installed(folder: Path) -> Path:
    """The Python of a new environment that has the library."""
    bench.say(f"installing {' and '.join(INSTALLED)} into {folder}")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *INSTALLED], check=True)
    shown = subprocess.run(
        [python, "-m", "pip", "show", "eventsourcing"], check=True, capture_output=True, text=True
    )
    print(" ".join(shown.stdout.splitlines()[:2]))
    return python


def install_message_db(url: str, folder: Path) -> None:
    """Put message-db's SQL into a database."""
    print("message-db", (folder / "database" / "VERSION.txt").read_text().strip())
    with db.connect(url) as conn:
        for kind, names in MESSAGE_DB.items():
            for name in names:
                conn.execute((folder / "database" / f"{kind}{name}.sql").read_bytes())


def messages(count: int) -> list[Commit]:
    """Writes of statements, each to a stream of its own in one category."""
    writes = []
    for n in range(count):
        body = statements.body(n)
        data = orjson.dumps(body).decode()
        writes.append([(WRITE, [str(new_id()), f"statement-{body['id']}", "Said", data])])
    return writes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=7)
    parser.add_argument("--count", type=int, default=6_000, help="statements in a slice of ours")
    parser.add_argument("--theirs", type=int, default=2_000, help="events in a slice of theirs")
    parser.add_argument("--message-db", type=Path, help="a clone of message-db/message-db")
    args = parser.parse_args()
    tune_gc()
    with tempfile.TemporaryDirectory() as folder, bench.postgres() as server:
        python = installed(Path(folder))
        print(statements.sizes())
        ours = Ours(bench.migrated(server, "ledger"))
        plain = Eventsourcing(python, bench.database(server, "es"), functions=False)
        functions = Eventsourcing(python, bench.database(server, "es_functions"), functions=True)
        targets = {"eventsourcing": 4.0, "eventsourcing, database functions": 1.0}
        sides: dict[str, Callable[[], float]] = {
            f"ledger, producers: {MANY}": lambda: ours.rate(MANY, args.count),
            "eventsourcing": lambda: plain.rate(args.theirs),
            "eventsourcing, database functions": lambda: functions.rate(args.theirs),
        }
        others: list[Eventsourcing | Connections] = [plain, functions]
        if args.message_db:
            url = bench.database(server, "message_db")
            install_message_db(url, args.message_db)
            theirs = Connections(url, MANY, search_path="message_store,public")
            sides["message-db"] = lambda: theirs.rate(messages(args.theirs))
            targets["message-db"] = 1.6
            others.append(theirs)
        else:
            print("message-db is left out: no --message-db", file=sys.stderr)
        figures = bench.alternate(sides, slices=args.slices, before=lambda: bench.settle(server))
        bench.table("Event stores", figures, unit="events/s", target=targets)
        for other in others:
            other.close()


if __name__ == "__main__":
    main()
