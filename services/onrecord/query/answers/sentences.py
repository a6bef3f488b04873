"""Sentences about positions in plain English, and dates in words.

Used by `serialize_position` for `cite`, by `findings` and by `onrecord show`. Pure functions. A
sentence holds for the moment and the size that it names, says so where it is only possible, and
names whom and what the record names at that size.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from onrecord.domain.dates import bounds

Fields = Mapping[str, Any]

_VERBS: Final = {
    "support": "supported",
    "conditional_support": "conditionally supported",
    "neutral": "was neutral on",
    "conditional_oppose": "conditionally opposed",
    "oppose": "opposed",
    "mixed": "took a mixed position on",
    "no_position": "declared no position on",
}
STANCE_NOUNS: Final = {
    "support": "support",
    "conditional_support": "conditional support",
    "neutral": "a neutral position",
    "conditional_oppose": "conditional opposition",
    "oppose": "opposition",
    "mixed": "a mixed position",
    "no_position": "a declaration of no position",
    None: "no position yet",
}
"""What somebody holds, by the stance; None where no position had begun."""
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def position_sentence(
    position: Fields,
    alternatives: Sequence[Fields],
    *,
    who: str,
    what: str,
    as_of: str,
    ahead: bool = False,
) -> str:
    """What somebody held on a topic as of a date, without the full stop.

    `position`: its `id`, `stance`, `condition`, `effective`, `since`, `kind`, `recorded_at` and
    `may_be_interrupted` (whether another stance may have been held since `since`); all are None
    where none had begun by the order of dates. `alternatives`: what may have been held in
    its stead, empty if and only if it is definite. `ahead`: the date lies in the future.
    """
    topic, moment = f"“{what}”", f"As of {_moment(as_of)}"
    if ahead:
        moment += ", which lies ahead"
    if alternatives:
        steps = sorted((position, *alternatives), key=lambda step: step["id"] is None)
        *options, last = map(possible_in_words, steps)
        listed = f"{'; '.join(options)}; or {last}"
        uncertain = f"the position of {who} on {topic} is only possible, as dates are inexact"
        return f"{moment}, {uncertain}: {listed}"
    if position["id"] is None:
        return f"{moment}, no position of {who} on {topic} is on record as held by then"
    held = f"{_VERBS[position['stance']]} {topic}{_on_condition(position)}"
    return f"{moment}, {who} {held}, {_effective(position)}"


def citation(sentence: str, *, size: int, known_at: datetime | None, permalink: str) -> str:
    """A sentence with the state of the record that it is about, and where to look it up."""
    known = f", {_day(known_at)}" if known_at else ""
    return f"{sentence} (onrecord at size {size}{known}; {permalink})."


def date_in_words(date: str) -> str:
    """A date with its preposition: `on 2 December 2022`, `in 2022`, `by 2 December 2022`."""
    if date.startswith("../"):
        return f"by {_moment(date[3:])}"
    return f"{'on' if len(date) >= len('2022-12-02') else 'in'} {_span(date)}"


def possible_in_words(step: Fields) -> str:
    """What may have been held: a stance, its condition and its date, or that there was none yet."""
    if step["id"] is None:
        return STANCE_NOUNS[None]
    held = f"{STANCE_NOUNS[step['stance']]}{_on_condition(step)}"
    return f"{held}, effective {date_in_words(step['effective'])}"


def _effective(position: Fields) -> str:
    effective = f"effective {date_in_words(position['since'])}"
    if position["kind"] == "reaffirmed":
        again = date_in_words(position["effective"])
        if position["may_be_interrupted"]:
            effective += f" and {again}, perhaps not all the time between, as dates are inexact"
        else:
            effective += f" and reaffirmed {again}"
    if position["recorded_at"] < bounds(position["effective"]).earliest:
        effective += f", as announced by {_day(position['recorded_at'])}"
    return effective


def _on_condition(step: Fields) -> str:
    return f" on the condition “{step['condition']}”" if step["condition"] else ""


def _moment(date: str) -> str:
    """The last instant of a date: `2 December 2022`, `the end of 2022`."""
    return _span(date) if len(date) >= len("2022-12-02") else f"the end of {_span(date)}"


def _span(date: str) -> str:
    """A day, month, year or instant; an instant is in UTC and cut to its second."""
    first = bounds(date).earliest
    if len(date) == len("2022"):
        return str(first.year)
    if len(date) == len("2022-12"):
        return f"{_MONTHS[first.month - 1]} {first.year}"
    if len(date) == len("2022-12-02"):
        return _day(first)
    return f"{_day(first)} at {first:%H:%M:%S}".removesuffix(":00") + " UTC"


def _day(instant: datetime) -> str:
    day = instant.astimezone(UTC)
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
