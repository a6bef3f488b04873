"""The entries of a log as far as they were checked: read as a stream, saved now and then.

Used by `run`. A place is kept at whole bundles only; a later run resumes there.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import orjson

from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.merkle import HASH_BYTES, leaf_hash
from onrecord.kit.tlog.subtrees import WIDTH, perfect_root
from onrecord.kit.tlog.tiles import Tile, entries_of
from onrecord.verifying.download import Bundle, LogReader
from onrecord.verifying.entries import Canonicalize, EntryChecker
from onrecord.verifying.fold import PositionFold
from onrecord.verifying.report import Fault, VerificationReport
from onrecord.verifying.saved_state import ROW_BYTES, SavedCheckpoint, SavedState
from onrecord.verifying.tree import first_difference, root_over, upper_levels

SAVE_SECONDS: Final = 10.0
"""Between two places that are kept of a run."""
SIGN_SECONDS: Final = 3.0
"""A new entry is in a checkpoint sooner than that."""
MAX_CHECKPOINTS: Final = 5
"""Checkpoints to which a run goes on, one after the other."""


class SignedNote(NamedTuple):
    """A checkpoint, and the note in which it is signed."""

    note: str
    checkpoint: Checkpoint


class LogRun:
    """The entries of a log as far as they were checked."""

    def __init__(
        self,
        reader: LogReader,
        state: SavedState,
        newest: SignedNote,
        read_checkpoint: Callable[[], SignedNote | None],
        saved: SavedCheckpoint | None,
        report: VerificationReport,
        progress: Callable[[int, int], None],
        canonicalize: Canonicalize | None,
    ) -> None:
        self._reader, self._state, self._report = reader, state, report
        self.signed, self._read_checkpoint = newest, read_checkpoint
        self._saved, self._progress = saved, progress
        self.checker = EntryChecker(report.add, PositionFold(), set(), canonicalize)
        self._subtrees: list[bytes] = []
        self._rest: list[bytes] = []
        """The rows of the entries after the last full bundle."""
        self._old_root: bytes | None = None
        """The root over as many entries as the saved checkpoint has."""
        self._disputed: list[int] = []
        """Entries of whose leaf a tile has another hash: the entry or the tile is wrong."""
        self._rows: list[bytes] = []
        """Rows of entries that are not kept yet."""
        self._is_whole = True
        """No bundle is half checked, so that the place can be kept."""
        self._resume()

    @property
    def checkpoint(self) -> Checkpoint:
        return self.signed.checkpoint

    @property
    def _done(self) -> int:
        return len(self._subtrees) * WIDTH + len(self._rest)

    def check_entries(self) -> bool:
        """Check all entries; False where the log cannot be read to its end.

        Words may be erased while a run goes on: the entry that says so is in a later checkpoint.
        """
        for _ in range(MAX_CHECKPOINTS):
            if not self._check_to_checkpoint():
                return False
            if not self.checker.may_be_erased_since():
                break
            self._check_root(self._root())
            if not self._follow():
                break
        self.checker.check_erasures()
        self._report.finished |= {"entries", "sections", "revisions"}
        return True

    def _root(self) -> bytes:
        """The root over the entries so far."""
        return root_over(self._subtrees, [row[:HASH_BYTES] for row in self._rest])

    def _check_root(self, root: bytes) -> None:
        if root != self.checkpoint.root:
            message = f"the entries have the root {root.hex()}, but {self.checkpoint.root.hex()} is"
            self._report.add("hashes", None, f"{message} signed: entries were altered")

    def _follow(self) -> bool:
        """Go on to a newer checkpoint; False if there is none."""
        deadline = time.monotonic() + SIGN_SECONDS
        while time.monotonic() < deadline:
            newest = self._read_checkpoint()
            if newest is None:
                return False
            if newest.checkpoint.size > self.checkpoint.size:
                self.signed = newest
                return True
            time.sleep(SIGN_SECONDS / 10)
        return False

    def _check_to_checkpoint(self) -> bool:
        size, keep_at = self.checkpoint.size, time.monotonic() + SAVE_SECONDS
        lines = self._reader.lines(self._done)
        try:
            for bundle in self._reader.bundles(len(self._subtrees), size):
                if not self._check_bundle(bundle, lines):
                    return False
                self._progress(self._done, size)
                if (now := time.monotonic()) > keep_at:
                    self._keep()
                    after = time.monotonic()  # a large state takes long to write
                    keep_at = after + max(SAVE_SECONDS, 20 * (after - now))
        except BaseException:
            if self._is_whole:
                self._keep()
            raise
        self._keep()
        return True

    def check_tree(self) -> None:
        """Compare the roots and the tiles with those that the entries give."""
        report, checkpoint = self._report, self.checkpoint
        root = self._root()
        is_signed = root == checkpoint.root
        for seq in self._disputed:
            n = seq // WIDTH
            tile = Tile(0, n, min(WIDTH, checkpoint.size - n * WIDTH))
            report.add("hashes", seq, _tile_message(tile, is_signed))
        for level, hashes in upper_levels(self._subtrees):
            for n in range(0, len(hashes), WIDTH):
                tile = Tile(level, n // WIDTH, min(WIDTH, len(hashes) - n))
                served = self._reader.tile(tile) or b""
                at = first_difference(b"".join(hashes[n : n + WIDTH]), served, HASH_BYTES)
                if at is not None:
                    span = WIDTH**level
                    first = (n + at) * span
                    message = f"tile/{tile.path} has another hash than entries {first} to"
                    message += f" {first + span - 1} give"
                    report.add("hashes", None, message)
        self._check_root(root)
        old = self._saved.checkpoint if self._saved else None
        if old and old.size <= checkpoint.size and old.root != self._old_root:
            message = (
                f"the first {old.size} entries are not those of the checkpoint saved last time"
            )
            report.add("consistency", None, message)
        report.finished |= {"hashes", "consistency"}

    def _check_bundle(self, bundle: Bundle, lines: Iterator[bytes]) -> bool:
        tile = bundle.tile
        try:
            entries = None if bundle.entries is None else entries_of(bundle.entries)
        except ValueError as error:
            entries = None
            self._report.add("entries", None, f"tile/{tile.path}: {error}")
        if entries is None or len(entries) != tile.width:
            self._name_gap(tile, lines)
            return False
        events = [next(lines, None) for _ in range(self._done - tile.first, tile.width)]
        self._is_whole = False
        leaves = list(map(leaf_hash, entries))
        rows, start = self._rest, len(self._rest)
        for n, row in enumerate(rows):
            if leaves[n] != row[:HASH_BYTES]:  # as it was served for an earlier checkpoint
                message = "it is not the entry that was served here a moment ago"
                self._report.add("consistency", tile.first + n, message)
        for n, line in enumerate(events, start):
            rows.append(leaves[n] + self.checker.check(tile.first + n, entries[n], line))
        at = first_difference(b"".join(leaves), bundle.hashes or b"", HASH_BYTES)
        if at is not None and tile.first + at not in self._disputed:
            self._disputed.append(tile.first + at)
        self._compare_with_saved(tile.first, rows, leaves)
        self._rows += rows[start:]
        self._add(rows, leaves)
        self._is_whole = True
        return True

    def _add(self, rows: list[bytes], leaves: list[bytes]) -> None:
        """Add a bundle to the tree. `rows`: of all entries in it."""
        first = len(self._subtrees) * WIDTH
        if self._saved and first <= self._saved.checkpoint.size <= first + len(leaves):
            old_leaves = leaves[: self._saved.checkpoint.size - first]
            self._old_root = root_over(self._subtrees, old_leaves)
        if len(leaves) == WIDTH:
            self._subtrees.append(perfect_root(b"".join(leaves)))
            self._rest = []
        else:
            self._rest = rows

    def _compare_with_saved(self, first: int, rows: list[bytes], leaves: list[bytes]) -> None:
        old_size = self._saved.checkpoint.size if self._saved else 0
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

    def _resume(self) -> None:
        """Go on from the place of an interrupted run, if it is whole and of the same options."""
        place: Any = self._state.read_place()
        count = place["size"] if place else 0
        rows = self._state.read_run(count) if place else None
        strict = self.checker.canonicalize is not None
        if rows is None or place["strict"] != strict or count > self.checkpoint.size:
            self._state.forget_place()
            return
        checker = self.checker
        checker.fold = PositionFold.from_json(place["fold"])
        checker.recorded_at, checker.version = place["recorded_at"], place["version"]
        checker.erased = place["erased"]
        checker.missing = [tuple(section) for section in place["missing"]]
        self._disputed = place["disputed"]
        self._report.faults += [Fault(**fault) for fault in place["faults"]]
        step = WIDTH * ROW_BYTES
        for at in range(0, len(rows), step):
            ends = min(at + step, len(rows))
            part = [rows[n : n + ROW_BYTES] for n in range(at, ends, ROW_BYTES)]
            checker.ids.update(row[HASH_BYTES:] for row in part)
            self._add(part, [row[:HASH_BYTES] for row in part])
        self._report.notices.append(f"It went on at entry {count}, where a run was interrupted.")

    def _keep(self) -> None:
        place = {
            "size": self._done,
            "strict": self.checker.canonicalize is not None,
            "recorded_at": self.checker.recorded_at,
            "version": self.checker.version,
            "missing": self.checker.missing,
            "erased": self.checker.erased,
            "disputed": self._disputed,
            "faults": [fault for fault in self._report.faults if fault.seq is not None],
            "fold": self.checker.fold,
        }
        self._state.keep_place(place, self._done - len(self._rows), b"".join(self._rows))
        self._rows = []


def _tile_message(tile: Tile, is_signed: bool) -> str:
    served = f"tile/{tile.path} has another hash of it than its bytes give"
    if is_signed:
        return f"{served}: the tile was altered, as the bytes give the signed root"
    return f"{served}: the entry was altered"
