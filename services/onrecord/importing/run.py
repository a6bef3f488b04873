"""How do files of batch lines get on record?

`onrecord import`, and the demo for its seeds: the lines of NDJSON and CSV files go through
`POST /v1/batch` a portion at a time, and every line that was not recorded is told. Lines carry ids,
so importing again records nothing twice; after each portion a note says where to go on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2
from rich.console import Console

from onrecord.importing import resume
from onrecord.importing.client import DoorClosed, Result, send
from onrecord.importing.files import NothingToImport, Opened, Unreadable, files
from onrecord.importing.lines import Placed, lines, require_headers
from onrecord.importing.report import Bar, Tally, bar
from onrecord.importing.resume import Identity, Note, Proof

__all__ = ["DoorClosed", "NothingToImport", "Tally", "Unreadable", "files", "import_files"]

AT_ONCE: Final = 2_000
"""Lines a request: as many as are sent again after a cut, at most."""
MOST_BYTES: Final = 4_000_000


def import_files(
    paths: Sequence[Path], *, address: str, console: Console, data: Path | None = None
) -> Tally:
    """Send all lines; what was refused is printed with file, line and reason.

    With a data folder, notes of how far it came are kept there, and deleted at the end. However it
    is cut, what it came to is printed. Without one, the tally tells the place of each id.
    """
    require_headers(paths)
    with (
        httpx2.Client(base_url=address, timeout=120) as client,
        bar(console, "Recording", paths) as shown,
    ):
        going = _Import(client, shown, data, keeps_places=data is None)
        try:
            for path in paths:
                going.file(path)
        except (KeyboardInterrupt, DoorClosed, Unreadable):
            going.tell_how_far()
            raise
        going.forget(paths)
    return going.tally


@dataclass
class _Import:
    """An import on its way."""

    client: httpx2.Client
    bar: Bar
    data: Path | None
    keeps_places: bool
    tally: Tally = field(default_factory=Tally)
    _last: tuple[Path, int] | None = None
    """The last line that was answered."""
    _tried: Placed | None = None
    """A line that was recorded out of its turn, when it was asked where it is on record."""

    def file(self, path: Path) -> None:
        """Send the lines of one file that an import before did not come to."""
        self.bar.reading(path)
        file = resume.identity(path)
        note = self._left_by_a_cut(path, file)
        with Opened(path) as opened:
            for some in _portions(lines(opened, after=note.last if note else 0)):
                results = send(self.client, some)
                for placed, result in zip(some, results, strict=True):
                    self._count(placed, result)
                self._last = path, some[-1].number
                note = self._noted(some, results, file, note)
                self.bar.advance(opened, len(some))
            self.bar.finished(opened)

    def forget(self, paths: Sequence[Path]) -> None:
        """Delete the notes: all is done, and the next import of these files begins anew."""
        for path in paths if self.data else ():
            self._place(path).unlink(missing_ok=True)

    def tell_how_far(self) -> None:
        """What was reached before it was cut."""
        at = f" up to line {self._last[1]:,} of {self._last[0]}" if self._last else ""
        more = "; the same command goes on from there" if self.data else ""
        self.bar.say(f"So far{at}: {self.tally}{more}.")

    def _left_by_a_cut(self, path: Path, file: Identity) -> Note | None:
        """The note of an import of this file that was cut, if what it says is still on record."""
        note = resume.read(self._place(path), file) if self.data else None
        if note is None:
            return None
        with Opened(path) as opened:
            tried = next(lines(opened, after=note.proof.line - 1), None)
        if tried is None:
            return None
        (result,) = send(self.client, [tried])
        if (result["status"], result.get("seq")) == (200, note.proof.seq):
            self.bar.say(f"{path}: going on after line {note.last:,}")
            self.tally.skipped += note.recorded
            self.tally.refused_before += note.refused
            return note
        self._tried = tried if result["status"] == 201 else None
        self.bar.say(
            f"{path}: what the import that was cut left at {self.client.base_url} is not on record"
            " there now; starting at the first line"
        )
        return None

    def _noted(
        self, some: list[Placed], results: list[Result], file: Identity, before: Note | None
    ) -> Note | None:
        """Keep a note of an answered portion, once there is a recorded line to prove it by."""
        if not self.data:
            return None
        recorded = [
            Proof(line=placed.number, seq=result["seq"])
            for placed, result in zip(some, results, strict=True)
            if "problem" not in result
        ]
        if before is None and not recorded:
            return None
        note = Note(
            file=file,
            last=some[-1].number,
            proof=recorded[-1] if recorded or before is None else before.proof,
            recorded=(before.recorded if before else 0) + len(recorded),
            refused=(before.refused if before else 0) + len(some) - len(recorded),
        )
        try:
            resume.write(self._place(some[0].path), note)
        except OSError as error:
            self.bar.say(f"No note of how far it came can be kept, so a cut costs time: {error}")
            self.data = None
        return note

    def _place(self, path: Path) -> Path:
        assert self.data
        return resume.place(self.data, str(self.client.base_url), path)

    def _count(self, placed: Placed, result: Result) -> None:
        if problem := result.get("problem"):
            self.tally.refused += 1
            self.bar.tell(placed, problem)
            return
        if self.keeps_places:
            self.tally.places[result["id"]] = (result["seq"], result["size"])
        if result["status"] == 201 or placed == self._tried:
            self.tally.new += 1
        else:
            self.tally.repeated += 1


def _portions(all_lines: Iterable[Placed]) -> Iterator[list[Placed]]:
    """Lines, some at a time; where a file breaks off, those before come, and then the error."""
    some: list[Placed] = []
    size = 0
    broken: Unreadable | None = None
    try:
        for one in all_lines:
            if some and (len(some) == AT_ONCE or size + len(one.line) > MOST_BYTES):
                yield some
                some, size = [], 0
            some.append(one)
            size += len(one.line)
    except Unreadable as error:
        broken = error
    if some:
        yield some
    if broken:
        raise broken
