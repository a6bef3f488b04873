"""A ledger of the UN votes, recorded with `append` and without HTTP.

Used by `catch_up.py`. Lines of `unvotes.py` are parsed as the write API parses them, and appended a
few hundred in a transaction.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import bench
import psycopg
import unvotes

from onrecord.domain.requests import Refusal, Request
from onrecord.entrypoints.infrastructure import writer
from onrecord.ingest import lines
from onrecord.ingest.schemas import Line
from onrecord.ledger import read
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import seal_request

COMMIT_SIZE = 250


def requests(data: Path, votes: int, *, bare: bool) -> Iterator[Request]:
    """All countries and titles, and the oldest votes: each a statement with its position, or with
    `bare` the position alone.
    """
    rolls, cast = (unvotes.rows(data / name) for name in ("roll_calls.csv.gz", "votes.csv.gz"))
    for line in unvotes.convert(rolls, cast, limit=votes):
        if bare and line["op"] == "statement":
            (position,) = line["body"]["positions"]
            line |= {"op": "position", "body": {**position, "coder": line["body"]["coder"]}}
        yield lines.request_of(Line.model_validate(line))


def record_votes(url: str, data: Path, votes: int, *, bare: bool) -> int:
    """Record the votes in an empty ledger; returns its size."""
    pending, done = requests(data, votes, bare=bare), 0
    with writer(url) as conn:
        while batch := list(islice(pending, COMMIT_SIZE)):
            refused = [
                result
                for result in append(conn, [seal_request(request) for request in batch])
                if isinstance(result, Refusal)
            ]
            assert not refused, refused[0]
            done += len(batch)
            bench.progress("recording", done, votes)
        size = read.ledger_size(conn)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
    return size
