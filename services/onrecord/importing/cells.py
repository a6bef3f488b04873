"""Cells of a CSV row in the record's own forms: names as ids, dates as ISO 8601.

Used by `csv_rows`. A name is any spelling on record, which the read API looks up; a date such as
21.02.2023 is read only in the order that `--dates` names.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from onrecord.client import ApiUnavailable, Client
from onrecord.domain.ids import SLUG_PATTERN, entity_id
from onrecord.importing.client import (
    kind_on_record,
    look_up_name,
    name_params,
    only_match,
)
from onrecord.query.answers.schemas import NamesAnswer

DateOrder = Literal["dmy", "mdy"]
NamedKind = Literal["actor", "topic"]

_KINDS: Final[Mapping[str, NamedKind]] = {
    **dict.fromkeys(("speaker", "actor"), "actor"),
    **dict.fromkeys(("topic", "topics"), "topic"),
}
"""Columns of names."""
_DATES: Final = ("said_at", "published_at", "effective")
_NUMBERS: Final = re.compile(r"(\.\./)?(\d{1,2})([./-])(\d{1,2})\3(\d{4}|\d{2})", re.ASCII)
_SLUG: Final = re.compile(SLUG_PATTERN)
_ANY_ID: Final = "any"
"""Stands for the id of a name that cannot be looked up, where only the shape is checked."""

LocalNames = Callable[[NamedKind, str], Sequence[str]]
"""The ids of actors or topics that earlier lines would register under a spelling."""


class UnclearCell(Exception):
    """A cell that cannot be read: its column, and what would make it clear."""


@dataclass
class NameLookup:
    """Ids by spelling, each looked up once and all at one size of the record.

    `client`: None if there is no onrecord to ask. `local`: for a dry run, which records nothing.
    """

    client: Client | None
    local: LocalNames | None = None
    _size: int | None = None
    _cache: dict[tuple[NamedKind, str], NamesAnswer | None] = field(default_factory=dict)

    def advance(self, size: int) -> None:
        """Look up at this size from now on: what was recorded since may have these names."""
        self._size = max(size, self._size or 0)
        self._cache.clear()

    def resolve(self, kind: NamedKind, text: str) -> str:
        """The id that a spelling names. Raises `UnclearCell` or `ApiUnavailable`.

        An id is found in the ledger, however far the projections are behind. A slug that is neither
        an id nor a name is returned, and the write API refuses it with the nearest ones.
        """
        candidates = self._candidates(kind, text)
        ids = {*(self.local(kind, text) if self.local else ())}
        if text in ids or (candidates and candidates.id == text):
            return text
        if candidates:
            ids |= {candidates.id} if candidates.id else {m.id for m in candidates.matches}
        if len(ids) == 1:
            return ids.pop()
        if not ids and _SLUG.match(text):
            return text
        if self.client is None:
            return _ANY_ID
        if candidates is None:
            raise UnclearCell(
                f"{text!r} is no id, and {self.client.address} has no read API that could look"
                f" names up; give the id of the {kind}, or another --url"
            )
        if ids:
            labels = {match.id: match.label for match in candidates.matches}
            raise UnclearCell(
                ambiguous_name(kind, text, {id_: labels.get(id_, text) for id_ in sorted(ids)})
            )
        raise UnclearCell(unknown_name(kind, text, candidates))

    def _candidates(self, kind: NamedKind, text: str) -> NamesAnswer | None:
        if self.client is None:
            return None
        key = (kind, text)
        if key not in self._cache:
            self._cache[key] = self._look_up(self.client, kind, text)
        return self._cache[key]

    def _look_up(self, client: Client, kind: NamedKind, text: str) -> NamesAnswer | None:
        is_slug = _SLUG.match(text)
        if is_slug and kind_on_record(client, entity_id(kind, text)) == kind:
            return only_match(text)
        try:
            candidates = look_up_name(client, name_params(kind, text, self._size))
        except ApiUnavailable:
            if is_slug:
                return None
            raise
        if candidates and self._size is None:
            self._size = candidates.known.size
        return candidates


@dataclass(frozen=True)
class CellReader:
    """How cells are read. Without `names` they are taken as ids."""

    dates: DateOrder | None = None
    names: NameLookup | None = None

    def read(self, cells: Mapping[str, str]) -> dict[str, str]:
        """The cells with ids and ISO dates. Raises `UnclearCell`, which names all columns."""
        read, faults = dict(cells), []
        for name, cell in cells.items():
            try:
                if name in _DATES:
                    read[name] = self._iso_date(cell.strip())
                elif self.names and name in _KINDS:
                    parts = split_cell(cell) if name == "topics" else [cell.strip()]
                    ids = [self.names.resolve(_KINDS[name], part) for part in parts]
                    read[name] = "; ".join(dict.fromkeys(ids))
            except UnclearCell as error:
                faults.append(f"{name}: {error}")
        if faults:
            raise UnclearCell(f"{'; '.join(faults)}.")
        return read

    def _iso_date(self, cell: str) -> str:
        numbers = _NUMBERS.fullmatch(cell)
        if numbers is None:
            return cell
        at_latest, first, _, second, year = numbers.groups()
        if len(year) == 2:
            raise UnclearCell(f"{cell!r} needs a year of four digits")
        if self.dates is None:
            raise UnclearCell(
                f"{cell!r} does not say which number is the day: give --dates dmy (day first) or"
                " --dates mdy (month first), or write 2023-02-21"
            )
        day, month = (first, second) if self.dates == "dmy" else (second, first)
        try:
            return f"{at_latest or ''}{date(int(year), int(month), int(day))}"
        except ValueError:
            raise UnclearCell(f"{cell!r} is no day when it is read as {self.dates}") from None


AS_WRITTEN: Final = CellReader()


def ambiguous_name(kind: str, text: str, labels: Mapping[str, str]) -> str:
    """The message for a spelling of several actors or topics; `labels`: by their ids."""
    described = ", ".join(f"{id_} ({label})" for id_, label in labels.items())
    return f"{text!r} names {len(labels)} {kind}s: {described}; give the id of the right one"


def unknown_name(kind: str, text: str, candidates: NamesAnswer) -> str:
    """The message for a spelling that is not on record."""
    nearest = ", ".join(f"{near.id} ({near.label})" for near in candidates.nearest)
    message = f"no {kind} with the name {text!r} is on record"
    return f"{message}; the nearest are {nearest}" if nearest else message


def split_cell(cell: str) -> list[str]:
    """The parts of a cell that lists ids or names."""
    return [part.strip() for part in cell.split(";") if part.strip()]
