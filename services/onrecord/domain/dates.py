"""Dates as given by clients, and the span of time that each of them means.

Used by the event classes for validation, by the folds for bounds and order, and by the read API for
`as_of`. A date is stored as given; its bounds are computed here, always in UTC. Accepted are a day,
a month and a year of EDTF level 0 (Library of Congress, 2019), an RFC 3339 instant with its offset,
and `../D`, "at the latest on D". Intervals and open ends are refused: a position ends where the
next one begins.
"""

import re
from calendar import monthrange
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, WithJsonSchema

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:[0-5]\d)",
    re.ASCII,
)


class Bounds(NamedTuple):
    """The first and the last instant that a date can mean, inclusive, to the microsecond."""

    earliest: datetime
    latest: datetime
    sorts_at: datetime
    """Its place in valid-time order: `earliest`, but `latest` for `../D`."""


_FORMS = "a day (2022-03-20), a month (2022-03), a year (2022)"
_INSTANT_FORM = "an instant with offset (2022-03-20T09:30:00+01:00)"


class InvalidDate(ValueError):
    """The text has none of the accepted forms, or names a day that does not exist."""


def _invalid_date(text: str) -> InvalidDate:
    forms = f"{_FORMS}, {_INSTANT_FORM} or ../ and one of these"
    return InvalidDate(f"{text[:40]!r} is not {forms}")


def _invalid_instant(text: str) -> InvalidDate:
    if text.startswith("../"):
        return InvalidDate(
            f"{text[:40]!r} means at the latest then, and a read needs one date: "
            f"{_FORMS} or {_INSTANT_FORM}"
        )
    return InvalidDate(f"{text[:40]!r} is not {_FORMS} or {_INSTANT_FORM}")


@lru_cache(maxsize=4_096)  # statements of one day are often recorded together
def bounds(text: str) -> Bounds:
    """The bounds of a date as given. Raises `InvalidDate`."""
    at_latest = text.startswith("../")
    span = _span(text[3:] if at_latest else text)
    if span is None:
        raise _invalid_date(text)
    earliest, latest = span
    return Bounds(BEGINNING, latest, latest) if at_latest else Bounds(earliest, latest, earliest)


@lru_cache(maxsize=4_096)  # a read validates the date first, and then needs the instant
def last_instant(text: str) -> datetime:
    """The instant that `as_of` or `known_at` means: the last of a day, month or year.

    Raises `InvalidDate`, also for `../D`.
    """
    span = _span(text)
    if span is None:
        raise _invalid_instant(text)
    return span[1]


def _span(text: str) -> tuple[datetime, datetime] | None:
    """The first and the last instant of a date; None if it has no accepted form or is no day."""
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
    return None


def _validated(text: str) -> str:
    bounds(text)
    return text


DateText = Annotated[
    str,
    AfterValidator(_validated),
    WithJsonSchema(
        {
            "type": "string",
            "description": "A day, a month, a year (UTC), an instant with offset, or ../ and one "
            "of these: at the latest then.",
            "examples": ["2022-03-20", "2022-03", "2022", "2022-03-20T09:30:00+01:00", "../2022"],
        }
    ),
]


def _validated_instant(text: str) -> str:
    if not _INSTANT.fullmatch(text) or _span(text) is None:
        raise InvalidDate(f"{text[:40]!r} is not {_INSTANT_FORM}")
    return text


InstantText = Annotated[str, AfterValidator(_validated_instant)]
"""An RFC 3339 instant, as text."""


def format_instant(instant: datetime) -> str:
    """An instant as entries and answers have it: UTC, always six decimals, `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@lru_cache(maxsize=4_096)
def bounds_as_text(date: str) -> tuple[str | None, str]:
    """The first and the last instant of a date, as answers have them; of `../D` no first one is
    known. Raises `InvalidDate`.
    """
    earliest, latest, _ = bounds(date)
    first = None if date.startswith("../") else format_instant(earliest)
    return first, format_instant(latest)


def bound_fields(name: str, date: str | None) -> dict[str, Any]:
    """The bounds of a date for an answer: `<name>_earliest` and `<name>_latest`."""
    earliest, latest = (None, None) if date is None else bounds_as_text(date)
    return {f"{name}_earliest": earliest, f"{name}_latest": latest}
