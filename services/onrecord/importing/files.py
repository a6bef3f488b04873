"""Input files of an import: finding them, and reading their physical lines.

Used by `lines`, which makes batch lines of these. Memory use does not depend on the length of a
file or of a line: a line longer than the write API accepts is truncated past that limit.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from onrecord.kit.http.strict_routes import MAX_BODY

FORMATS: Final = (".ndjson", ".jsonl", ".csv")
GZIP: Final = ".gz"

_MAX_LINE: Final = MAX_BODY + len(b"\r\n")
_BOM: Final = b"\xef\xbb\xbf"
_UTF_16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")


class NothingToImport(Exception):
    """The path leads to nothing that can be imported."""


class UnreadableFile(Exception):
    """A file that cannot be read to its end."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")


def find_files(path: Path) -> list[Path]:
    """The file itself, or the importable files of a folder, by name. Raises `NothingToImport`."""
    paths = [path]
    if path.is_dir():
        paths = sorted(file for file in path.iterdir() if file.is_file() and format_of(file))
    if not paths or not all(file.is_file() and format_of(file) for file in paths):
        formats = f"{', '.join(FORMATS)}, or one of these with {GZIP}"
        raise NothingToImport(f"{path} is neither a file nor a folder with files in {formats}")
    return paths


def format_of(path: Path) -> str | None:
    """The one of `FORMATS` that the file's name ends with, before `.gz` if there is one."""
    name = path.name.lower().removesuffix(GZIP)
    return next((suffix for suffix in FORMATS if name.endswith(suffix)), None)


class InputFile:
    """A file opened for reading, decompressed if its name ends with `.gz`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._raw = path.open("rb")
        compressed = path.name.lower().endswith(GZIP)
        self._file = gzip.GzipFile(fileobj=self._raw) if compressed else self._raw

    def __enter__(self) -> "InputFile":
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
    def bytes_read(self) -> int:
        """Bytes read so far of the file on disk, compressed or not."""
        return self._raw.tell()

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Line numbers from 1, and lines with their ends. Raises `UnreadableFile`."""
        number = 1
        try:
            while line := self._file.readline(_MAX_LINE):
                rest = line
                while len(rest) == _MAX_LINE and not rest.endswith(b"\n"):
                    rest = self._file.readline(_MAX_LINE)
                if number == 1 and line.startswith(_UTF_16_BOMS):
                    raise UnreadableFile(self.path, 1, "is UTF-16; save it as UTF-8")
                yield number, line.removeprefix(_BOM) if number == 1 else line
                number += 1
        except EOFError:
            raise UnreadableFile(self.path, number, "the gzip file is cut off here") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise UnreadableFile(self.path, number, f"the gzip file is broken: {error}") from None
