"""Import of files through `POST /v1/batch`.

Used by `onrecord import` and by the demo for its seeds. Lines are sent in batches, and each refused
line is printed. Lines carry ids, so a repeated import records nothing twice. After each batch a
note says where to resume (`resume`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from onrecord.client import ApiUnavailable, Client
from onrecord.importing.cells import CellReader, DateOrder, NameLookup
from onrecord.importing.client import open_client, send_lines
from onrecord.importing.files import UTF_8, InputFile, UnreadableFile, format_of
from onrecord.importing.lines import SourceLine, describe_tables, in_batches, read_lines
from onrecord.importing.report import ImportProgress, ImportSummary, import_progress
from onrecord.importing.resume import (
    FileIdentity,
    ResumeNote,
    ResumeNotes,
    identify,
    next_note,
)
from onrecord.ingest.schemas import LineResult


def import_files(
    paths: Sequence[Path],
    *,
    address: str,
    console: Console,
    data: Path | None = None,
    encoding: str = UTF_8,
    key: str | None = None,
    dates: DateOrder | None = None,
) -> ImportSummary:
    """Send all lines; print each refused one with its file, line and reason.

    `encoding`: of files that do not begin with a byte order mark. `dates`: the order of the numbers
    in dates such as 21.02.2023, which are refused without it. With a data folder, notes for
    resuming are kept there, and deleted at the end. Without one, the summary has the place of each
    id. Raises `NothingToImport` before anything is sent, and `UnreadableFile` or `ApiUnavailable`
    after printing how far it came.
    """
    tables = describe_tables(paths, encoding)
    with (
        open_client(address, key, timeout=120) as client,
        import_progress(console, "Recording", paths) as progress,
    ):
        notes = ResumeNotes(data, client.address) if data else None
        reader = CellReader(dates, NameLookup(client))
        importer = _Importer(client, progress, notes, encoding, reader, collect_places=data is None)
        for sentence in tables:
            progress.print_line(sentence)
        try:
            for path in paths:
                importer.import_file(path)
        except (KeyboardInterrupt, ApiUnavailable, UnreadableFile):
            importer.print_how_far()
            raise
        if importer.notes:
            importer.notes.delete(paths)
    return importer.summary


@dataclass
class _Importer:
    """An import in progress. `notes` becomes None if they cannot be written."""

    client: Client
    progress: ImportProgress
    notes: ResumeNotes | None
    encoding: str
    reader: CellReader
    collect_places: bool
    summary: ImportSummary = field(default_factory=ImportSummary)
    _last_answered: tuple[Path, int] | None = None
    _recorded_by_proof: SourceLine | None = None
    """A line that was recorded when it was sent to prove a note; its turn comes again later."""

    def import_file(self, path: Path) -> None:
        """Send the lines of a file, after those that a note proves to be on record."""
        self.progress.start_file(path)
        identity = identify(path, self.encoding, self.reader.dates)
        note = self._proven_note(path, identity)
        with InputFile(path, self.encoding) as file:
            lines = read_lines(file, after=note.last if note else 0, reader=self.reader)
            for batch in in_batches(lines):
                results = self._send(batch)
                for line, result in zip(batch, results, strict=True):
                    self._count(line, result)
                self._last_answered = path, batch[-1].number
                self._advance(path, results)
                if self.notes:
                    note = next_note(note, identity, batch, results)
                    self._write(path, note)
                self.progress.advance(file, len(batch))
            self.progress.finish_file(file)

    def _advance(self, path: Path, results: Sequence[LineResult]) -> None:
        """Have names looked up at the size of what was recorded, unless it registers none."""
        sizes = [result.size for result in results if result.size is not None]
        if sizes and self.reader.names and format_of(path) != ".csv":
            self.reader.names.advance(max(sizes))

    def print_how_far(self) -> None:
        """Print the summary of an import that was cut."""
        place = ""
        if self._last_answered:
            path, number = self._last_answered
            place = f" up to line {number:,} of {path}"
        hint = "; the same command goes on from there" if self.notes else ""
        self.progress.print_line(f"So far{place}: {self.summary}{hint}.")

    def _send(self, batch: Sequence[SourceLine]) -> list[LineResult]:
        """A result for each line. Rows without a line are refused here and not sent."""
        sent = iter(send_lines(self.client, [line.content for line in batch if not line.error]))
        return [
            LineResult(line=line.number, status=422, problem=line.problem)
            if line.error
            else next(sent)
            for line in batch
        ]

    def _proven_note(self, path: Path, identity: FileIdentity) -> ResumeNote | None:
        """The note of an import that was cut, if its proof still holds: the line is sent again."""
        note = self.notes.read(path, identity) if self.notes else None
        if note is None:
            return None
        with InputFile(path, self.encoding) as file:
            lines = read_lines(file, after=note.proof.line - 1, reader=self.reader)
            line = next(lines, None)
        if line is None:
            return None
        (result,) = self._send([line])
        if (result.status, result.seq) == (200, note.proof.seq):
            self.progress.print_line(f"{path}: going on after line {note.last:,}")
            self.summary.skipped += note.recorded
            self.summary.refused_before += note.refused
            return note
        self._recorded_by_proof = line if result.status == 201 else None
        self.progress.print_line(
            f"{path}: what the import that was cut left at {self.client.address} is not on record"
            " there now; starting at the first line"
        )
        return None

    def _write(self, path: Path, note: ResumeNote | None) -> None:
        if not (self.notes and note):
            return
        try:
            self.notes.write(path, note)
        except OSError as error:
            self.progress.print_line(
                f"No note of how far it came can be kept, so a cut costs time: {error}"
            )
            self.notes = None

    def _count(self, line: SourceLine, result: LineResult) -> None:
        if result.problem:
            self.summary.refused += 1
            self.progress.print_refusal(line, result.problem)
            return
        if self.collect_places:
            assert result.id and result.seq is not None and result.size is not None
            self.summary.places[result.id] = (result.seq, result.size)
        if result.status == 201 or line == self._recorded_by_proof:
            self.summary.new += 1
        else:
            self.summary.repeated += 1
