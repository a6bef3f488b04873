"""Checks of one bundle of entries after the other: hashes, entries, and what stood there before.

Used by `log_run`. A place is what `as_place` gives: a later run resumes there.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from onrecord.kit.tlog.merkle import HASH_BYTES, leaf_hash
from onrecord.kit.tlog.subtrees import WIDTH
from onrecord.kit.tlog.tiles import Tile, entries_of
from onrecord.verifying.download import Bundle
from onrecord.verifying.entries import Canonicalize, EntryChecker
from onrecord.verifying.fold import PositionFold
from onrecord.verifying.report import Fault, VerificationReport
from onrecord.verifying.saved_state import ROW_BYTES, SavedState
from onrecord.verifying.tree import EntryTree, first_difference


class BundleChecker:
    """Checks bundles in their order. `old_size`: of the checkpoint of last time."""

    def __init__(
        self,
        state: SavedState,
        report: VerificationReport,
        *,
        old_size: int | None,
        canonicalize: Canonicalize | None,
    ) -> None:
        self._state, self._report, self._old_size = state, report, old_size
        self.entries = EntryChecker(report.add, PositionFold(), set(), canonicalize)
        self.tree = EntryTree(old_size)
        self.disputed: list[int] = []
        """Entries of whose leaf a tile has another hash: the entry or the tile is wrong."""
        self.new_rows: list[bytes] = []
        """Rows of entries that are not kept yet."""
        self.is_whole = True
        """No bundle is half checked, so that the place can be kept."""

    def check(self, bundle: Bundle, lines: Iterator[bytes]) -> bool:
        """Check a bundle, with the lines of its entries that are not checked yet.

        False where the log does not serve all of it.
        """
        tile = bundle.tile
        try:
            entries = None if bundle.entries is None else entries_of(bundle.entries)
        except ValueError as error:
            entries = None
            self._report.add("entries", None, f"tile/{tile.path}: {error}")
        if entries is None or len(entries) != tile.width:
            self._name_gap(tile, lines)
            return False
        rows, start = self.tree.rest, len(self.tree.rest)
        events = [next(lines, None) for _ in range(start, tile.width)]
        self.is_whole = False
        leaves = list(map(leaf_hash, entries))
        for n, row in enumerate(rows):
            if leaves[n] != row[:HASH_BYTES]:  # as it was served for an earlier checkpoint
                message = "it is not the entry that was served here a moment ago"
                self._report.add("consistency", tile.first + n, message)
        for n, line in enumerate(events, start):
            rows.append(leaves[n] + self.entries.check(tile.first + n, entries[n], line))
        at = first_difference(b"".join(leaves), bundle.hashes or b"", HASH_BYTES)
        if at is not None and tile.first + at not in self.disputed:
            self.disputed.append(tile.first + at)
        self._compare_with_saved(tile.first, rows, leaves)
        self.new_rows += rows[start:]
        self.tree.add(rows, leaves)
        self.is_whole = True
        return True

    def as_place(self) -> dict[str, Any]:
        """The place after the last bundle; the rows are kept beside it."""
        entries = self.entries
        return {
            "size": self.tree.size,
            "strict": entries.canonicalize is not None,
            "recorded_at": entries.recorded_at,
            "version": entries.version,
            "missing": entries.missing,
            "erased": entries.erased,
            "disputed": self.disputed,
            "faults": [fault for fault in self._report.faults if fault.seq is not None],
            "fold": entries.fold,
        }

    def resume(self, place: Any, rows: bytes) -> None:
        """Go on from a place. `rows`: of all entries before it."""
        entries = self.entries
        entries.fold = PositionFold.from_json(place["fold"])
        entries.recorded_at, entries.version = place["recorded_at"], place["version"]
        entries.erased = place["erased"]
        entries.missing = [tuple(section) for section in place["missing"]]
        self.disputed = place["disputed"]
        self._report.faults += [Fault(**fault) for fault in place["faults"]]
        step = WIDTH * ROW_BYTES
        for at in range(0, len(rows), step):
            ends = min(at + step, len(rows))
            part = [rows[n : n + ROW_BYTES] for n in range(at, ends, ROW_BYTES)]
            entries.ids.update(row[HASH_BYTES:] for row in part)
            self.tree.add(part, [row[:HASH_BYTES] for row in part])

    def _compare_with_saved(self, first: int, rows: list[bytes], leaves: list[bytes]) -> None:
        old_size = self._old_size or 0
        count = max(0, min(old_size - first, len(rows)))
        fresh = b"".join(
            leaf + row[HASH_BYTES:] for leaf, row in zip(leaves[:count], rows, strict=False)
        )
        at = first_difference(self._state.read_rows(first, count), fresh, ROW_BYTES)
        if at is not None:
            message = f"it is not the entry that stood here when size {old_size} was verified"
            self._report.add("consistency", first + at, message)

    def _name_gap(self, tile: Tile, lines: Iterator[bytes]) -> None:
        """Name the first entry that is missing in a bundle that the log does not serve."""
        message = f"the log does not serve all of tile/{tile.path}, which its checkpoint covers"
        self._report.add("entries", None, message)
        for seq in range(tile.first, tile.first + tile.width):
            try:
                served = orjson.loads(next(lines, b"{}"))["entry"]["seq"]
            except (ValueError, KeyError, TypeError):
                served = None
            if served != seq:
                follows = "nothing" if served is None else f"entry {served}"
                message = f"it is missing: in its place GET /v1/events has {follows}"
                self._report.add("entries", seq, message)
                return
