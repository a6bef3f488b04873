"""The two clocks of a page: the date fields in its head, and the state of the record it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fastapi import Request

from onrecord.domain.dates import last_instant
from onrecord.query.answers.schemas import Known

_CLOCKS: Final = frozenset(
    ("as_of", "known_at", "known_size", "since", "since_size", "cursor", "min_size")
)
_DAY: Final = len("2022-12-02")


@dataclass(frozen=True)
class DateField:
    """A field for a date. One that is more exact than a day is kept as text."""

    type: str
    value: str


@dataclass(frozen=True)
class Clocks:
    """What the head of a page says of time. `as_of` is None on pages that have no such date."""

    known: Known
    as_of: str | None
    known_at: str
    other_parameters: Sequence[tuple[str, str]]
    """What the form of the dates keeps."""
    kept_size: str | None = None
    """The size in the address, which the form keeps until another `known_at` is chosen."""
    since: str = ""
    since_size: str | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether the page is about a named state of the record, not about the newest one."""
        return bool(self.kept_size or self.known_at)

    @property
    def query(self) -> str:
        """The clocks of this page as a query, for links to other pages."""
        clocks = {"as_of": self.as_of, "known_size": self.kept_size, "known_at": self.known_at}
        given = {name: value for name, value in clocks.items() if value}
        return f"?{urlencode(given)}" if given else ""

    @property
    def as_of_field(self) -> DateField:
        return date_field(self.as_of)

    @property
    def known_at_field(self) -> DateField:
        return date_field(self.known_at)

    @property
    def since_field(self) -> DateField:
        return date_field(self.since)


def clocks_of(request: Request, known: Known) -> Clocks:
    """The clocks of a page that answers this request at a state of the record."""
    params = request.query_params
    others = [item for item in params.multi_items() if item[0] not in _CLOCKS]
    return Clocks(
        known,
        params.get("as_of"),
        params.get("known_at", ""),
        others,
        params.get("known_size"),
        params.get("since", ""),
        params.get("since_size"),
    )


def date_field(text: str | None) -> DateField:
    """The field for a date that a read takes; a month or a year is its last day, as it means."""
    if not text or len(text) == _DAY:
        return DateField("date", text or "")
    if len(text) < _DAY:
        return DateField("date", f"{last_instant(text):%Y-%m-%d}")
    return DateField("text", text)


def page_permalink(public_url: str, path: str, as_of: str, size: int) -> str:
    """The whole address of a page with both of its clocks."""
    return f"{public_url}{path}?{urlencode({'as_of': as_of, 'known_size': size})}"
