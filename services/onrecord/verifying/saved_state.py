"""What a verification saves in a folder: the last checkpoint that held, and the place in a run.

The folder of an address holds `checkpoint` (the signed note), `keys` (the verifier keys that
signed it, a line each) and `entries` (leaf hash and id of each of its entries: 48 bytes). While a
run is not over, `run/place.json` and `run/entries` say how far it came. Each file is replaced
whole and for good, or extended beyond what `place.json` counts, so a crash at any time, also of the
machine, leaves a state to go on from. No words of the record are in `entries`; `place.json` has
those of positions and names.
"""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from onrecord.kit.durable_file import replace_file, sync_folder
from onrecord.kit.tlog.checkpoints import Checkpoint, parse_checkpoint
from onrecord.kit.tlog.keys import VerifierKey, parse_verifier_key
from onrecord.kit.tlog.merkle import HASH_BYTES
from onrecord.kit.tlog.notes import parse_note

ROW_BYTES: Final = HASH_BYTES + 16
"""Of an entry: its leaf hash and its id."""
FORMAT: Final = 1
"""Of `place.json`. A place of another format is not gone on from."""


class StateInUse(Exception):
    """Another verification of the same address runs, in the same folder."""


class BadState(Exception):
    """The folder holds something else than a verification saves."""


@dataclass(frozen=True)
class SavedCheckpoint:
    """The checkpoint of the last verification that found nothing wrong."""

    checkpoint: Checkpoint
    keys: tuple[VerifierKey, ...]


class SavedState:
    """The files of one address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = folder / "run"

    def read_checkpoint(self) -> SavedCheckpoint | None:
        """What was saved last time; None if nothing was. Raises `BadState`."""
        try:
            note = parse_note((self._folder / "checkpoint").read_text("utf-8"))
            lines = (self._folder / "keys").read_text("utf-8").splitlines()
            keys = tuple(parse_verifier_key(line) for line in lines)
            return SavedCheckpoint(parse_checkpoint(note), keys)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise BadState(f"{self._folder} holds no saved checkpoint: {error}") from None

    def read_rows(self, first: int, count: int) -> bytes:
        """Rows of the entries below the saved checkpoint; fewer where these end."""
        return _read_rows(self._folder / "entries", first, count)

    def read_place(self) -> Any | None:
        """The place of an unfinished run, as `keep_place` got it; None if there is none."""
        try:
            place = orjson.loads((self._run / "place.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return place if place.get("format") == FORMAT else None

    def read_run(self, count: int) -> bytes | None:
        """The rows of the first entries of the unfinished run; None if they are not all there."""
        rows = _read_rows(self._run / "entries", 0, count)
        return rows if len(rows) == count * ROW_BYTES else None

    def keep_place(self, place: Any, count: int, rows: bytes) -> None:
        """Keep the place of a run. `rows`: of all entries from number `count` on."""
        self._run.mkdir(parents=True, exist_ok=True)
        number = os.open(self._run / "entries", os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(number, "wb") as file:
            file.seek(count * ROW_BYTES)
            file.write(rows)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        text = orjson.dumps({**place, "format": FORMAT}).decode()
        replace_file(self._run / "place.json", text)

    def forget_place(self) -> None:
        """The next run begins at the first entry."""
        shutil.rmtree(self._run, ignore_errors=True)

    def keep_checkpoint(self, note: str, keys: list[str]) -> None:
        """The run is over, and nothing was wrong: keep its checkpoint and its rows.

        The rows come first: those of a log that continues the old one begin with the old ones. Then
        the keys, which the log has used before, or which were given.
        """
        (self._run / "entries").replace(self._folder / "entries")
        sync_folder(self._folder)
        replace_file(self._folder / "keys", "".join(f"{key}\n" for key in keys))
        replace_file(self._folder / "checkpoint", note)
        self.forget_place()


@contextmanager
def open_state(folder: Path, address: str) -> Iterator[SavedState]:
    """The state of an address below a folder, which is created. Raises `StateInUse`."""
    own = folder / _folder_name(address)
    own.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (own / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another `onrecord verify {address}` runs; give --state DIR for another one"
            raise StateInUse(message) from None
        yield SavedState(own)


def _folder_name(address: str) -> str:
    """A name that can be read, and that no other address has."""
    parts = urlsplit(address)
    same = parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()
    readable = re.sub(r"[^a-z0-9.-]+", "_", address.lower())[:80]
    return f"{readable}-{hashlib.sha256(same.encode()).hexdigest()[:16]}"


def _read_rows(path: Path, first: int, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(first * ROW_BYTES)
            return file.read(count * ROW_BYTES)
    except FileNotFoundError:
        return b""
