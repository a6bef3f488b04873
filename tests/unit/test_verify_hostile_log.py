"""A log that serves other entries for a later checkpoint of a run than for an earlier one."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from onrecord.kit.tlog.checkpoints import Checkpoint
from onrecord.kit.tlog.merkle import leaf_hash
from onrecord.kit.tlog.notes import sign_note
from onrecord.kit.tlog.tiles import Tile, bundle
from onrecord.verifying.download import Bundle, LogReader
from onrecord.verifying.run import verify_log
from onrecord.verifying.saved_state import open_state
from onrecord.verifying.tree import root_over
from tests.support.hostile_servers import KEY, entry

COUNT = 255
"""All but one of a bundle."""


SHOWN = [
    entry(0, "statement.made", {}, content="0" * 64),
    *(entry(seq, "statement.made", {}) for seq in range(1, COUNT)),
]
ERASURE = entry(COUNT, "payload.erased", {"target": str(UUID(int=1)), "sections": ["content"]})
SIGNED = [*(b"not even JSON, entry %d" % seq for seq in range(COUNT)), ERASURE]


class HostileLog(LogReader):
    """Shows proper entries, and an erasure to wait for; then signs others in their place."""

    address = "https://hostile.example"

    def __init__(self) -> None:
        self._entries = SHOWN

    def policy(self) -> None:
        return None

    def checkpoint(self) -> str:
        entries, self._entries = self._entries, SIGNED
        root = root_over([], list(map(leaf_hash, entries)))
        return str(sign_note(Checkpoint(KEY.name, len(entries), root).text, [KEY]))

    def tile(self, tile: Tile) -> bytes:
        return root_over([], list(map(leaf_hash, SIGNED)))

    def bundles(self, first: int, size: int) -> Iterator[Bundle]:
        entries = SHOWN if size == COUNT else SIGNED
        leaves = b"".join(map(leaf_hash, entries))
        yield Bundle(Tile(None, 0, size), bundle(entries), leaves)

    def lines(self, first: int) -> Iterator[bytes]:
        erased = [b'{"content":"gdpr-17"}', *[b"{}"] * COUNT]
        for data, grounds in list(zip([*SHOWN, ERASURE], erased, strict=True))[first:]:
            yield b'{"entry":%b,"payload":{},"erased":%b}' % (data, grounds)


def test_entries_of_a_partial_bundle_are_those_that_were_checked(tmp_path: Path) -> None:
    log = HostileLog()
    with open_state(tmp_path, log.address) as state:
        report = verify_log(log, state, [KEY.verifier], lambda *_: None)
    assert not report.ok
    assert report.first_bad_entry
    assert ("consistency", 0) == (report.first_bad_entry.check, report.first_bad_entry.seq)
