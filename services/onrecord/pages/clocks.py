"""The two clocks of a page: the date fields in its head, and the state of the record it shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from onrecord.query.answers.schemas import Known

_CLOCKS = frozenset(("as_of", "known_at", "known_size", "cursor", "min_size"))


@dataclass(frozen=True)
class Clocks:
    """What the head of a page says of time. `as_of` is None on pages that have no such date."""

    known: Known
    as_of: str | None
    known_at: str
    other_parameters: Sequence[tuple[str, str]]
    """What the form of the dates keeps."""

    @property
    def as_of_day(self) -> str:
        return (self.as_of or "")[:10]


def clocks_of(request: Request, known: Known) -> Clocks:
    """The clocks of a page that answers this request at a state of the record."""
    params = request.query_params
    others = [item for item in params.multi_items() if item[0] not in _CLOCKS]
    return Clocks(known, params.get("as_of"), params.get("known_at", ""), others)
