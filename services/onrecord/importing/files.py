"""Input files of an import: finding them, and reading their physical lines in their encoding.

Used by `lines` and `csv_records`. Memory use does not depend on the length of a file or of a line:
a line longer than the caller accepts is truncated.
"""

import gzip
import io
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

FORMATS: Final = (".ndjson", ".jsonl", ".csv")
GZIP: Final = ".gz"

UTF_8: Final = "utf-8"
# The longer ones first: that of UTF-32 begins with that of UTF-16.
_BOMS: Final = {
    BOM_UTF8: "utf-8-sig",
    BOM_UTF32_LE: "utf-32",
    BOM_UTF32_BE: "utf-32",
    BOM_UTF16_LE: "utf-16",
    BOM_UTF16_BE: "utf-16",
}


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


def is_text_encoding(name: str) -> bool:
    """Whether Python has a codec of this name that decodes bytes to text."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=name).read()
    except (LookupError, ValueError):
        return False
    return True


def format_of(path: Path) -> str | None:
    """The one of `FORMATS` that the file's name ends with, before `.gz` if there is one."""
    name = path.name.lower().removesuffix(GZIP)
    return next((suffix for suffix in FORMATS if name.endswith(suffix)), None)


class InputFile:
    """A file opened for reading, decompressed if its name ends with `.gz`.

    `encoding`: of a file that does not begin with a byte order mark.
    """

    def __init__(self, path: Path, encoding: str = UTF_8) -> None:
        self.path = path
        self._raw = path.open("rb")
        compressed = path.name.lower().endswith(GZIP)
        self._file = gzip.GzipFile(fileobj=self._raw) if compressed else self._raw
        self._encoding = encoding
        self.encoding = encoding
        """The encoding that the file has, as soon as a line was read."""

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

    def lines(self, limit: int, *, newline: Literal["", "\n"]) -> Iterator[tuple[int, str]]:
        """Line numbers from 1, and lines with their ends, truncated to `limit` characters.

        `newline` as for `open`: whether a carriage return alone ends a line (``""``). A byte that
        is not of the encoding becomes a lone surrogate (`surrogateescape`), which no other line
        has. Raises `UnreadableFile`.
        """
        number, ends = 1, newline or ("\n", "\r")
        try:
            # an attribute, because a text file that is forgotten closes the file below it
            self._text = self._decoded(newline)
            while line := self._text.readline(limit):
                rest = line
                while len(rest) == limit and not rest.endswith(ends):
                    rest = self._text.readline(limit)
                yield number, line
                number += 1
        except EOFError:
            raise UnreadableFile(self.path, number, "the gzip file is cut off here") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise UnreadableFile(self.path, number, f"the gzip file is broken: {error}") from None
        except UnicodeError as error:
            reason = f"from here on, the file is not {self.encoding}: {error}"
            raise UnreadableFile(self.path, number, reason) from None

    def _decoded(self, newline: str) -> io.TextIOWrapper:
        start = self._file.peek(4)[:4]
        self.encoding = next(
            (name for bom, name in _BOMS.items() if start.startswith(bom)), self._encoding
        )
        # UTF-16 and UTF-32 have no stray bytes, but lone surrogates.
        wide = self.encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
        errors = "surrogatepass" if wide else "surrogateescape"
        return io.TextIOWrapper(self._file, self.encoding, errors, newline)
