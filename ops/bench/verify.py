"""Rate of `onrecord verify` apart from the download, against the hashes that it cannot do without.

All checks of entries, their sections, the fold and the tree, from bundles and lines in memory,
against SHA-256 of the same leaves and nodes and HMAC of the same sections by `hashlib` and `hmac`
alone: nothing is parsed. One core; the figures are a CPU second's, so that a busy machine matters
less. Half of the entries are statements of 1 KB, the others positions on a long timeline.
"""

import argparse
import hashlib
import hmac
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import bench
import statements

from onrecord.domain.dates import format_instant
from onrecord.domain.decisions import Touches
from onrecord.domain.events import PositionChanged
from onrecord.domain.ids import new_id
from onrecord.domain.requests import ProposedEvent
from onrecord.kit.processes.gc_tuning import tune_gc
from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.merkle import HASH_BYTES, leaf_hash
from onrecord.kit.tlog.subtrees import WIDTH
from onrecord.kit.tlog.tiles import Tile, bundle
from onrecord.ledger.entry import Payload, encode, seal
from onrecord.ledger.merkle import CompleteSubtree, Frontier
from onrecord.verifying.download import Bundle, LogReader
from onrecord.verifying.log_run import LogRun, SignedNote
from onrecord.verifying.report import VerificationReport
from onrecord.verifying.saved_state import open_state


def statement(n: int, now: datetime) -> tuple[bytes, tuple[Payload, ...]]:
    event = statements.accepted_event(statements.request(n))
    return statements.encoded(event, seq=n, now=now)


def position(n: int, now: datetime) -> tuple[bytes, tuple[Payload, ...]]:
    """The n-th entry; each of its pairs has one in a hundred of all entries."""
    actor, topic = statements.ACTORS[n % 50], statements.TOPICS[n % 20]
    event = PositionChanged(
        actor=actor,
        topic=topic,
        stance="support" if n % 3 else "oppose",
        summary="They would hold talks, as they have said before.",
        effective=f"2022-{n % 12 + 1:02}",
        basis=(new_id(),),
        coder="bench",
    )
    sealed = seal(ProposedEvent(new_id(), event))
    entry = encode(
        sealed,
        Touches((actor,), (topic,)),
        seq=n,
        recorded_at=format_instant(now),
        recorded_by="local",
        revisions={f"{actor}/{topic}": n // 100 + 1},
    )
    return entry, sealed.payloads


def event_line(entry: bytes, payloads: tuple[Payload, ...]) -> bytes:
    """The event as `GET /v1/events` writes it."""
    sections = b",".join(
        b'"%b":{"salt":"%b","value":%b}'
        % (payload.section.encode(), payload.salt.hex().encode(), payload.value)
        for payload in payloads
    )
    return b'{"entry":%b,"payload":{%b},"erased":{}}' % (entry, sections)


class LogInMemory(LogReader):
    """A log of `count` entries that is served without HTTP."""

    address = "memory"

    def __init__(self, count: int) -> None:
        self.entries: list[bytes] = []
        self.payloads: list[tuple[Payload, ...]] = []
        now = datetime.now(UTC)
        for n in range(count):
            bench.progress("entries", n + 1, count)
            entry, payloads = position(n, now) if n % 2 else statement(n, now)
            self.entries.append(entry)
            self.payloads.append(payloads)
        self._lines = list(map(event_line, self.entries, self.payloads))
        leaves = list(map(leaf_hash, self.entries))
        frontier, subtrees = Frontier().append(leaves)
        self.head = Checkpoint("bench", count, frontier.root())
        self._bundles = [
            Bundle(
                Tile(None, first // WIDTH, min(WIDTH, count - first)),
                bundle(self.entries[first : first + WIDTH]),
                b"".join(leaves[first : first + WIDTH]),
            )
            for first in range(0, count, WIDTH)
        ]
        self._subtrees: list[CompleteSubtree] = subtrees

    def lines(self, first: int) -> Iterator[bytes]:
        return iter(self._lines[first:])

    def bundles(self, first: int, size: int) -> Iterator[Bundle]:
        return iter(self._bundles[first:])

    def tile(self, tile: Tile) -> bytes:
        hashes = b"".join(s.hash for s in self._subtrees if s.level == tile.level)
        return hashes[tile.first * HASH_BYTES : (tile.first + tile.width) * HASH_BYTES]

    def verified_rate(self) -> float:
        """Entries that are verified in a CPU second."""
        report = VerificationReport("memory")
        newest = SignedNote("", self.head)
        with (
            tempfile.TemporaryDirectory(prefix="onrecord-bench-") as folder,
            open_state(Path(folder), "memory") as state,
        ):
            start = time.process_time()
            run = LogRun(
                self,
                state,
                report,
                newest,
                read_checkpoint=lambda: None,
                progress=lambda *_: None,
            )
            assert run.check_entries(), report.faults
            run.check_tree()
            seconds = time.process_time() - start
        assert not report.faults, report.faults[:3]
        return len(self.entries) / seconds

    def hashed_rate(self) -> float:
        """Entries of which leaf, sections and nodes are hashed in a CPU second."""
        sha256 = hashlib.sha256
        start = time.process_time()
        nodes = []
        for entry, payloads in zip(self.entries, self.payloads, strict=True):
            nodes.append(sha256(b"\x00" + entry).digest())
            for payload in payloads:
                hmac.digest(payload.salt, payload.value, "sha256")
        while len(nodes) > 1:
            pairs = zip(nodes[::2], nodes[1::2], strict=False)
            nodes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        return len(self.entries) / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=5)
    parser.add_argument("--count", type=int, default=20_000, help="entries in a slice")
    args = parser.parse_args()
    tune_gc()
    print(f"{os.cpu_count()} cores; load before: {os.getloadavg()[0]:.2f}")
    print(statements.sizes())
    log = LogInMemory(args.count)
    rates = bench.alternate(
        {"verify": log.verified_rate, "hashlib and hmac alone": log.hashed_rate},
        slices=args.slices,
        before=lambda: None,
    )
    bench.table("Verification", rates, unit="entries a CPU second", target=0.2)


if __name__ == "__main__":
    main()
