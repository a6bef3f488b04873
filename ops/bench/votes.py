"""How do the benches get a large record of real positions quickly? The UN votes, by `append`.

Called by `catch_up.py`. Lines of `unvotes.py` are read as the write door reads them, and appended a
few hundred a transaction: no HTTP.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import bench
import psycopg
import unvotes

from onrecord.domain.requests import Refusal, Request
from onrecord.entrypoints.app_factory import writer
from onrecord.ingest import lines
from onrecord.ingest.schemas import Line
from onrecord.ledger import read
from onrecord.ledger.append import append
from onrecord.ledger.evaluate import seal_request

A_COMMIT = 250


def requests(data: Path, votes: int, *, bare: bool) -> Iterator[Request]:
    """All countries and titles, and the oldest votes: each a statement with its position along, or
    `bare`, the position alone.
    """
    rolls, cast = (unvotes.rows(data / name) for name in ("roll_calls.csv.gz", "votes.csv.gz"))
    for line in unvotes.convert(rolls, cast, limit=votes):
        if bare and line["op"] == "statement":
            (held,) = line["body"]["positions"]
            line |= {"op": "position", "body": {**held, "coder": line["body"]["coder"]}}
        yield lines.request_of(Line.model_validate(line))


def fill(url: str, data: Path, votes: int, *, bare: bool) -> int:
    """Record them in an empty ledger; its size."""
    asked, done = requests(data, votes, bare=bare), 0
    with writer(url) as conn:
        while some := list(islice(asked, A_COMMIT)):
            refused = [
                one
                for one in append(conn, [seal_request(each) for each in some])
                if isinstance(one, Refusal)
            ]
            assert not refused, refused[0]
            done += len(some)
            bench.progress("recording", done, votes)
        size = read.ledger_size(conn)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
    return size
