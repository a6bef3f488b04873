"""Which files does `onrecord import` read, and which lines stand in them?

Called by `import_lines`, which makes batch lines of these. Memory stays the same however long a
file is, or a line: one longer than the write door takes is cut off where the door refuses it.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from onrecord.kit.http.strict_bodies import MAX_BODY

KINDS: Final = (".ndjson", ".jsonl", ".csv")
PACKED: Final = ".gz"
SHOWN: Final = f"{', '.join(KINDS)}, or one of these with {PACKED}"

_MOST: Final = MAX_BODY + len(b"\r\n")
_BOM: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class NothingToImport(Exception):
    """What was named is nothing that can be imported."""


class Unreadable(Exception):
    """A file that cannot be read to its end."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}")


def files(path: Path) -> list[Path]:
    """The files that a path means: itself, or those in this folder in name order."""
    found = [path]
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.is_file() and kind(one))
    if not found or not all(one.is_file() and kind(one) for one in found):
        raise NothingToImport(f"{path} is neither a file nor a folder with files in {SHOWN}")
    return found


def kind(path: Path) -> str | None:
    """The one of `KINDS` that a file's name says, packed or not."""
    name = path.name.lower().removesuffix(PACKED)
    return next((one for one in KINDS if name.endswith(one)), None)


class Opened:
    """A file that is being read, and unpacked where it is packed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw = path.open("rb")
        packed = path.name.lower().endswith(PACKED)
        self._file = gzip.GzipFile(fileobj=self._raw) if packed else self._raw

    def __enter__(self) -> "Opened":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()
        self._raw.close()

    @property
    def done(self) -> int:
        """Bytes of the file, as it stands on the disk, that were read so far."""
        return self._raw.tell()

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Lines with their numbers from 1 and their ends. Raises `Unreadable`."""
        number = 1
        try:
            while line := self._file.readline(_MOST):
                rest = line
                while len(rest) == _MOST and not rest.endswith(b"\n"):
                    rest = self._file.readline(_MOST)
                if number == 1 and line.startswith(_UTF_16):
                    raise Unreadable(self.path, 1, "is UTF-16; save it as UTF-8")
                yield number, line.removeprefix(_BOM) if number == 1 else line
                number += 1
        except EOFError:
            raise Unreadable(self.path, number, "the gzip file is cut off here") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Unreadable(self.path, number, f"the gzip file is broken: {error}") from None
