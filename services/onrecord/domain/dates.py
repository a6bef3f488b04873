"""What span of time does a date on record mean?

Called by the event classes (is it a date at all?), by the folds (bounds and order) and by the read
door (`as_of`). A date is kept as it was given; its bounds are worked out here, always in UTC.
Forms: EDTF level 0 (Library of Congress, 2019) day, month and year; an RFC 3339 instant with its
offset; and `../D`, "at the latest on D". Intervals and open ends are refused: the end of a position
is the next position.
"""

import re
from calendar import monthrange
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, WithJsonSchema

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:[0-5]\d)",
    re.ASCII,
)


class Bounds(NamedTuple):
    """First and last instant (microseconds, inclusive) at which a date may lie; and its place."""

    earliest: datetime
    latest: datetime
    sorts_at: datetime
    """Where the date stands in valid-time order: its start, but the end of `../D`."""


class InvalidDate(ValueError):
    """The text is none of the accepted forms, or names a day that no calendar has."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:40]!r} is not a day (2022-03-20), a month (2022-03), a year (2022), "
            "an instant with offset (2022-03-20T09:30:00+01:00) or ../ and one of these"
        )


@lru_cache(maxsize=4_096)  # a day's statements have that day's date
def bounds(text: str) -> Bounds:
    """Work out the bounds of a date as given. Raises `InvalidDate`."""
    at_latest = text.startswith("../")
    earliest, latest = _span(text[3:] if at_latest else text, whole=text)
    return Bounds(BEGINNING, latest, latest) if at_latest else Bounds(earliest, latest, earliest)


@lru_cache(maxsize=4_096)  # a read asks twice: is it a date, and which instant
def last_instant(text: str) -> datetime:
    """The instant that `as_of` or `known_at` means: the last one of a day, month or year."""
    if text.startswith("../"):
        raise InvalidDate(text)
    return _span(text, whole=text)[1]


def _span(text: str, *, whole: str) -> tuple[datetime, datetime]:
    try:
        if _INSTANT.fullmatch(text):
            instant = datetime.fromisoformat(text).astimezone(UTC)
            return instant, instant
        if parts := _DATE.fullmatch(text):
            year, month, day = parts.groups()
            first = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
            last_month = int(month or 12)
            last_day = int(day or monthrange(int(year), last_month)[1])
            last = datetime(int(year), last_month, last_day, 23, 59, 59, 999_999, tzinfo=UTC)
            return first, last
    except (ValueError, OverflowError):
        pass
    raise InvalidDate(whole)


def _checked(text: str) -> str:
    bounds(text)
    return text


DateText = Annotated[
    str,
    AfterValidator(_checked),
    WithJsonSchema(
        {
            "type": "string",
            "description": "A day, a month, a year (UTC), an instant with offset, or ../ and one "
            "of these: at the latest then.",
            "examples": ["2022-03-20", "2022-03", "2022", "2022-03-20T09:30:00+01:00", "../2022"],
        }
    ),
]
