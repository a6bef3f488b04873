"""Errors of exports, with what the user can do about each. Raised by this package.

Known to the command line also where PyArrow, which the rest of this package needs, is missing.
"""

from pathlib import Path


class UnusableFolder(Exception):
    """The folder holds other files than an export of this record."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}. Nothing was written; name another folder.")


class FolderInUse(Exception):
    """Another export is writing to the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"another export is writing to {folder}; wait until it has ended")


class SizeNotReached(Exception):
    """The projections have not reached the size of which the record is to be exported."""

    def __init__(self, known_size: int, reached: int) -> None:
        super().__init__(
            f"--known-size {known_size} is not reached: the projections are at size {reached}"
        )
