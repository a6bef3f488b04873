"""A run over the entries of a log, up to its checkpoint: read as a stream, saved now and then.

Used by `run`. A place is kept at whole bundles only; a later run resumes there.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final, NamedTuple

from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.merkle import HASH_BYTES
from onrecord.kit.tlog.subtrees import WIDTH
from onrecord.kit.tlog.tiles import Tile
from onrecord.verifying.bundles import BundleChecker
from onrecord.verifying.download import LogReader
from onrecord.verifying.entries import Canonicalize
from onrecord.verifying.fold import PositionFold
from onrecord.verifying.report import VerificationReport
from onrecord.verifying.saved_state import SavedCheckpoint, SavedState
from onrecord.verifying.tree import first_difference, upper_levels

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


@dataclass
class LogRun:
    """The entries of a log as far as they were checked. `signed`: the checkpoint to go to."""

    reader: LogReader
    state: SavedState
    report: VerificationReport
    signed: SignedNote
    _: KW_ONLY
    read_checkpoint: Callable[[], SignedNote | None]
    """Reads a newer one, whose signature is checked."""
    progress: Callable[[int, int], None]
    saved: SavedCheckpoint | None = None
    """That of last time."""
    canonicalize: Canonicalize | None = None
    _bundles: BundleChecker = field(init=False)

    def __post_init__(self) -> None:
        self._bundles = BundleChecker(
            self.state,
            self.report,
            old_size=self.saved.checkpoint.size if self.saved else None,
            canonicalize=self.canonicalize,
        )
        self._resume()

    @property
    def checkpoint(self) -> Checkpoint:
        return self.signed.checkpoint

    @property
    def fold(self) -> PositionFold:
        """The positions after the last entry."""
        return self._bundles.entries.fold

    def check_entries(self) -> bool:
        """Check all entries; False where the log cannot be read to its end.

        Words may be erased while a run goes on: the entry that says so is in a later checkpoint.
        """
        entries = self._bundles.entries
        for _ in range(MAX_CHECKPOINTS):
            if not self._check_to_checkpoint():
                return False
            if not entries.may_be_erased_since():
                break
            self._check_root(self._bundles.tree.root())
            if not self._follow():
                break
        entries.check_erasures()
        self.report.finished |= {"entries", "sections", "revisions"}
        return True

    def check_tree(self) -> None:
        """Compare the roots and the tiles with those that the entries give."""
        root = self._bundles.tree.root()
        for seq in self._bundles.disputed:
            n = seq // WIDTH
            tile = Tile(0, n, min(WIDTH, self.checkpoint.size - n * WIDTH))
            message = _tile_message(tile, is_signed=root == self.checkpoint.root)
            self.report.add("hashes", seq, message)
        for level, hashes in upper_levels(self._bundles.tree.subtrees):
            self._check_level(level, hashes)
        self._check_root(root)
        old = self.saved.checkpoint if self.saved else None
        if old and old.size <= self.checkpoint.size and old.root != self._bundles.tree.old_root:
            message = "entries are not those of the checkpoint saved last time"
            self.report.add("consistency", None, f"the first {old.size} {message}")
        self.report.finished |= {"hashes", "consistency"}

    def _check_level(self, level: int, hashes: Sequence[bytes]) -> None:
        """Compare the tiles of a level from 1 on."""
        for n in range(0, len(hashes), WIDTH):
            tile = Tile(level, n // WIDTH, min(WIDTH, len(hashes) - n))
            served = self.reader.tile(tile) or b""
            at = first_difference(b"".join(hashes[n : n + WIDTH]), served, HASH_BYTES)
            if at is not None:
                span = WIDTH**level
                first = (n + at) * span
                message = f"tile/{tile.path} has another hash than entries {first} to"
                self.report.add("hashes", None, f"{message} {first + span - 1} give")

    def _check_root(self, root: bytes) -> None:
        if root != self.checkpoint.root:
            message = f"the entries have the root {root.hex()}, but {self.checkpoint.root.hex()} is"
            self.report.add("hashes", None, f"{message} signed: entries were altered")

    def _follow(self) -> bool:
        """Go on to a newer checkpoint; False if there is none."""
        deadline = time.monotonic() + SIGN_SECONDS
        while time.monotonic() < deadline:
            newest = self.read_checkpoint()
            if newest is None:
                return False
            if newest.checkpoint.size > self.checkpoint.size:
                self.signed = newest
                return True
            time.sleep(SIGN_SECONDS / 10)
        return False

    def _check_to_checkpoint(self) -> bool:
        size, keep_at = self.checkpoint.size, time.monotonic() + SAVE_SECONDS
        tree = self._bundles.tree
        lines = self.reader.lines(tree.size)
        try:
            for bundle in self.reader.bundles(len(tree.subtrees), size):
                if not self._bundles.check(bundle, lines):
                    return False
                self.progress(tree.size, size)
                if (now := time.monotonic()) > keep_at:
                    self._keep()
                    after = time.monotonic()  # a large state takes long to write
                    keep_at = after + max(SAVE_SECONDS, 20 * (after - now))
        except BaseException:
            if self._bundles.is_whole:
                self._keep()
            raise
        self._keep()
        return True

    def _resume(self) -> None:
        """Go on from the place of an interrupted run, if it is whole and of the same options."""
        place: Any = self.state.read_place()
        count = place["size"] if place else 0
        rows = self.state.read_run(count) if place else None
        is_strict = self.canonicalize is not None
        if rows is None or place["strict"] != is_strict or count > self.checkpoint.size:
            self.state.forget_place()
            return
        self._bundles.resume(place, rows)
        self.report.notices.append(f"It went on at entry {count}, where a run was interrupted.")

    def _keep(self) -> None:
        bundles = self._bundles
        first = bundles.tree.size - len(bundles.new_rows)
        self.state.keep_place(bundles.as_place(), first, b"".join(bundles.new_rows))
        bundles.new_rows = []


def _tile_message(tile: Tile, *, is_signed: bool) -> str:
    served = f"tile/{tile.path} has another hash of it than its bytes give"
    if is_signed:
        return f"{served}: the tile was altered, as the bytes give the signed root"
    return f"{served}: the entry was altered"
