"""Converter of the votes of the UN General Assembly to a batch for the write API.

`unvotes.py DIR OUT` reads the CSV files of the `unvotes` data in DIR (`votes.csv.gz`,
`roll_calls.csv.gz`) and writes lines for `POST /v1/batch` or `onrecord import` to OUT, compressed
if OUT ends in `.gz`. The same data gives the same ids, so lines may be sent twice.

A country is an actor; a title that was voted on at five or more dates is a topic; a vote is a
statement with a position: yes supports, no opposes, abstaining is neutral. Several roll
calls of one title on one date keep their order.
"""

import argparse
import csv
import gzip
import hashlib
import random
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from unicodedata import combining
from uuid import UUID, uuid5

import orjson

DATES: Final = 5
"""A title is a topic if it was voted on at so many dates."""
ROOT: Final = UUID("5b0f6a7e-9f0a-5d0c-8a44-6d1f2c7b9e10")
"""Namespace of the statements' ids; never changes."""
STANCES: Final = {"yes": "support", "no": "oppose", "abstain": "neutral"}
WORDS: Final = {"yes": "Voted yes on", "no": "Voted no on", "abstain": "Abstained on"}
ASSEMBLY: Final = "United Nations General Assembly"
LONGEST: Final = 80

Line = dict[str, Any]
Row = Mapping[str, str]


@dataclass(frozen=True)
class RollCall:
    """A roll call on a recurring title; `order` counts those of its title on its date."""

    rcid: int
    date: str
    title: str
    resolution: str
    order: int


def recurring(rows: Iterable[Row]) -> dict[int, RollCall]:
    """The roll calls whose title was voted on at five or more dates, by their number."""
    dates: dict[str, dict[str, list[tuple[int, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        title = row["short"].strip().upper()
        if title:
            dates[title][row["date"]].append((int(row["rcid"]), row["unres"]))
    return {
        rcid: RollCall(rcid, date, title, resolution, order)
        for title, on in dates.items()
        if len(on) >= DATES
        for date, calls in on.items()
        for order, (rcid, resolution) in enumerate(sorted(calls))
    }


def slugs(names: Iterable[str]) -> dict[str, str]:
    """A slug for each name. A slug that is too long or not unique ends in a digest."""
    plain = {}
    for name in sorted(set(names)):
        letters = (
            letter for letter in unicodedata.normalize("NFKD", name) if not combining(letter)
        )
        plain[name] = re.sub("[^a-z0-9]+", "-", "".join(letters).lower()).strip("-")
    count = Counter(plain.values())
    return {
        name: slug if count[slug] == 1 and 0 < len(slug) <= LONGEST else _marked(slug, name)
        for name, slug in plain.items()
    }


def _marked(slug: str, name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{slug[: LONGEST - 9].strip('-')}-{digest}".strip("-")


def convert(
    roll_calls: Iterable[Row],
    votes: Iterable[Row],
    *,
    limit: int | None = None,
    shuffle: int | None = None,
) -> Iterator[Line]:
    """Lines: all actors, all topics, then votes from the oldest on, or shuffled by a seed.

    With a limit, the oldest `limit` votes.
    """
    calls, cast = recurring(roll_calls), list(votes)
    actors = slugs(vote["country"] for vote in cast)
    topics = slugs(call.title for call in calls.values())
    codes = {vote["country"]: vote["country_code"] for vote in cast}
    for country, slug in actors.items():
        yield _actor(slug, country, codes[country])
    for title, slug in topics.items():
        yield {"op": "topic", "id": slug, "body": {"label": title, "proposition": title}}
    selected = [(calls[int(vote["rcid"])], vote) for vote in cast if int(vote["rcid"]) in calls]
    selected.sort(key=lambda pair: (pair[0].date, pair[0].rcid, pair[1]["country"]))
    selected = selected[:limit]
    if shuffle is not None:
        random.Random(shuffle).shuffle(selected)
    for call, vote in selected:
        yield _statement(call, vote, actor=actors[vote["country"]], topic=topics[call.title])


def _actor(slug: str, country: str, code: str) -> Line:
    body: Line = {"kind": "government", "names": [{"name": country, "lang": "en"}]}
    if code:
        body["identifiers"] = {"iso3166-1": code}
    return {"op": "actor", "id": slug, "body": body}


def _statement(call: RollCall, vote: Row, *, actor: str, topic: str) -> Line:
    stance, verb = STANCES[vote["vote"]], WORDS[vote["vote"]]
    title = f"{call.resolution}: {call.title}" if call.resolution else call.title
    reference = (ASSEMBLY, call.resolution, f"roll call {call.rcid}")
    position = {
        "actor": actor,
        "topic": topic,
        "stance": stance,
        "summary": f"{verb} {call.title}",
        "effective": call.date,
        "order": call.order,
    }
    body = {
        "speakers": [{"actor": actor}],
        "topics": [topic],
        "venue": ASSEMBLY,
        "said_at": call.date,
        "said_at_basis": "stated",
        "content": {"text": f"{verb} {title}", "lang": "en", "mode": "paraphrase"},
        "evidence": [{"reference": ", ".join(filter(None, reference))}],
        "stances": [{"topic": topic, "stance": stance}],
        "coder": "unvotes",
        "positions": [position],
    }
    return {"op": "statement", "id": str(uuid5(ROOT, f"{call.rcid}/{actor}")), "body": body}


def rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    # no timestamp, so that the same data gives the same file
    return gzip.GzipFile(path, "wb", mtime=0) if path.suffix == ".gz" else path.open("wb")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=int, help="the oldest so many votes only")
    parser.add_argument("--shuffle", type=int, metavar="SEED", help="votes in no order")
    args = parser.parse_args()
    lines = convert(
        rows(args.data / "roll_calls.csv.gz"),
        rows(args.data / "votes.csv.gz"),
        limit=args.limit,
        shuffle=args.shuffle,
    )
    count = 0
    with _opened(args.out) as out:
        for line in lines:
            out.write(orjson.dumps(line) + b"\n")
            count += 1
    print(f"{count:,} lines in {args.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
