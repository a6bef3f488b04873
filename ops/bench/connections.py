"""Transactions of a baseline over many connections, not limited by one interpreter's lock.

Processes with a share of the connections each, a thread a connection. Used by `append` and
`competitors`.
"""

import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from typing import Any

import bench
import psycopg

from onrecord.kit.sql import db
from onrecord.ledger.insert import INSERT

Commit = list[tuple[Any, Any]]
"""The statements of one transaction, each with its parameters: None is the ledger's own INSERT."""

PROCESSES = 2


class Connections:
    """`count` connections to a database, in the role and with the settings given."""

    def __init__(self, url: str, count: int, **settings: str) -> None:
        processes = min(PROCESSES, count)
        self._pipes: list[Pipe] = []
        for _ in range(processes):
            pipe, end = bench.SPAWN.Pipe()
            args = (url, settings, count // processes, end)
            bench.SPAWN.Process(target=_serve, args=args, daemon=True).start()
            self._pipes.append(pipe)

    def rate(self, commits: Sequence[Commit]) -> float:
        """Transactions a second; handing them out to the processes is not timed."""
        for n, pipe in enumerate(self._pipes):
            pipe.send(commits[n :: len(self._pipes)])
        for pipe in self._pipes:
            pipe.recv()
        for pipe in self._pipes:
            pipe.send("go")
        spans = [pipe.recv() for pipe in self._pipes]
        return len(commits) / (max(end for _, end in spans) - min(start for start, _ in spans))

    def close(self) -> None:
        """Let the processes end."""
        for pipe in self._pipes:
            pipe.send(None)


def _serve(url: str, settings: dict[str, str], connections: int, pipe: Pipe) -> None:
    conns = [db.connect(url, **settings) for _ in range(connections)]
    while (commits := pipe.recv()) is not None:
        go = threading.Event()
        threads = [
            threading.Thread(target=_commit, args=(conn, commits[n::connections], go))
            for n, conn in enumerate(conns)
        ]
        for thread in threads:
            thread.start()
        pipe.send("ready")
        pipe.recv()
        start = time.perf_counter()
        go.set()
        for thread in threads:
            thread.join()
        pipe.send((start, time.perf_counter()))
    for conn in conns:
        conn.close()


def _commit(conn: psycopg.Connection[Any], share: Sequence[Commit], go: threading.Event) -> None:
    go.wait()
    for commit in share:
        if commit[0][0] is None:
            psycopg.RawCursor(conn).execute(INSERT, commit[0][1], prepare=True)
        elif len(commit) == 1:
            conn.execute(*commit[0])  # in autocommit, a transaction of its own
        else:
            with conn.transaction():
                for statement in commit:
                    conn.execute(*statement)
