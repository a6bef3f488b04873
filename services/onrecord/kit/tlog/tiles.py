"""Tiles and entry bundles of C2SP tlog-tiles: their addresses and their bytes."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from onrecord.kit.tlog.subtrees import WIDTH

MAX_LEVEL: Final = 63
MAX_ENTRY_BYTES: Final = (1 << 16) - 1
ENTRIES: Final = "entries"
_PATH: Final = re.compile(
    # 21 digits are more than any index of 64 bits has.
    r"(?P<level>entries|0|[1-9][0-9]?)/(?P<n>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


class Tile(NamedTuple):
    """`width` hashes of a level, or entries (level None), from number 256 x `n` on."""

    level: int | None
    n: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The address below `tile/`, as `0/x001/234` or `entries/000.p/7`."""
        level = ENTRIES if self.level is None else self.level
        digits = f"{self.n:03}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *groups, last = [digits[n : n + 3] for n in range(0, len(digits), 3)]
        path = "/".join([str(level), *(f"x{group}" for group in groups), last])
        return path if self.width == WIDTH else f"{path}.p/{self.width}"

    @property
    def first(self) -> int:
        """The number of its first hash in its level."""
        return self.n * WIDTH


def parse_tile(path: str) -> Tile | None:
    """The tile at an address below `tile/`; None if the address is none, or has another form."""
    match = _PATH.fullmatch(path)
    if not match:
        return None
    level, n, width = match.group("level", "n", "width")
    tile = Tile(
        None if level == ENTRIES else int(level),
        int(re.sub("[x/]", "", n)),
        WIDTH if width is None else int(width),
    )
    if tile.path != path or tile.width > WIDTH or (tile.level or 0) > MAX_LEVEL:
        return None  # `path` differs where it has a group of leading zeros, or a width of 256
    return tile


def bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry after its length as a big-endian uint16."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def entries_of(bundle_: bytes) -> list[bytes]:
    """The entries of a bundle. Raises ValueError where it is cut."""
    entries, at = [], 0
    length = len(bundle_)
    while at < length:
        start = at + 2
        end = start + int.from_bytes(bundle_[at:start], "big")
        if start > length or end > length:
            raise ValueError(f"the entry at byte {at} of the bundle is cut")
        entries.append(bundle_[start:end])
        at = end
    return entries
