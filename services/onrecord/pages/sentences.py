"""Sentences, names of stances and kinds of change, and dates in words, for all pages and feeds.

Pure functions. Each takes `_`, the function that translates a string of the catalogue, first, and
dates take the language. A kind of change has a sign beside its words, never a colour alone.
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, Protocol

from babel.dates import format_date, format_skeleton

from onrecord.domain.dates import bounds
from onrecord.domain.stances import Stance


class Translate(Protocol):
    """`gettext` of a catalogue."""

    def __call__(self, message: str, /) -> str: ...


def N_(message: str) -> str:  # noqa: N802 # the name that Babel knows for strings translated later
    """Mark a string for the catalogue, which is translated where it is used."""
    return message


STANCES: Final[dict[Stance | None, str]] = {
    "support": N_("support"),
    "conditional_support": N_("conditional support"),
    "neutral": N_("neutrality"),
    "conditional_oppose": N_("conditional opposition"),
    "oppose": N_("opposition"),
    "mixed": N_("a mixed position"),
    "no_position": N_("no position, as declared"),
    None: N_("no position yet"),
}
STANCE_SIGNS: Final[dict[Stance | None, str]] = {
    "support": "++",
    "conditional_support": "+",
    "neutral": "0",
    "conditional_oppose": "−",
    "oppose": "−−",
    "mixed": "±",
    "no_position": "∅",
    None: "?",
}
KIND_SIGNS: Final = {
    "adopted": "●",
    "reaffirmed": "=",
    "conditions_changed": "≈",
    "softened": "↓",
    "hardened": "↑",
    "shifted": "→",
    "reversed": "⇄",
}
KINDS: Final = {
    "adopted": N_("first position"),
    "reaffirmed": N_("reaffirmed"),
    "conditions_changed": N_("conditions changed"),
    "softened": N_("softened"),
    "hardened": N_("hardened"),
    "shifted": N_("shifted"),
    "reversed": N_("reversed"),
}
MODES: Final = {
    "verbatim": N_("verbatim"),
    "mixed": N_("partly verbatim"),
    "paraphrase": N_("paraphrase"),
    "translation": N_("translation"),
}
_CHANGES: Final = {
    "adopted": N_("{who} took a first position on “{what}”: {after}, effective {when}."),
    "reaffirmed": N_("{who} reaffirmed {after} on “{what}” {when}."),
    "conditions_changed": N_(
        "{who} kept to {after} on “{what}” but changed the conditions {when}."
    ),
    "softened": N_("{who} softened on “{what}”, from {before} to {after}, {when}."),
    "hardened": N_("{who} hardened on “{what}”, from {before} to {after}, {when}."),
    "shifted": N_("{who} shifted on “{what}”, from {before} to {after}, {when}."),
    "reversed": N_("{who} reversed on “{what}”, from {before} to {after}, {when}."),
}


def change(_: Translate, step: Any, language: str) -> str:
    """What a step of a timeline is, as one sentence."""
    sentence = _(_CHANGES[step.kind]).format(
        who=step.actor_label,
        what=step.topic_label,
        before=_(STANCES[step.previous.stance if step.previous else None]),
        after=_(STANCES[step.stance]),
        when=when(step.effective, language, _),
    )
    if step.certainty == "possible":
        sentence += " " + _("Inexact dates leave open what came before.")
    return sentence


def condition(_: Translate, text: str | None) -> str:
    """The condition of a stance, in brackets, or nothing."""
    return _("(on the condition “{condition}”)").format(condition=text) if text else ""


def when(text: str, language: str, _: Translate) -> str:
    """A date of the record: `on 2 December 2022`, `in December 2022`, `by 2 December 2022`."""
    if text.startswith("../"):
        return _("by {date}").format(date=span(text[3:], language))
    preposition = _("on {date}") if len(text) >= len("2022-12-02") else _("in {date}")
    return preposition.format(date=span(text, language))


@lru_cache(maxsize=10_000)
def span(text: str, language: str) -> str:
    """A year, month, day or instant (in UTC, to the second) without a preposition."""
    first = bounds(text).earliest
    if len(text) == len("2022"):
        return str(first.year)
    if len(text) == len("2022-12"):
        return str(format_skeleton("yMMMM", first, locale=language))
    if len(text) == len("2022-12-02"):
        return day(first.date(), language)
    return f"{day(first.date(), language)} {first:%H:%M:%S} UTC"


@lru_cache(maxsize=10_000)
def day(date_: date, language: str) -> str:
    """A day, as `2 December 2022`."""
    locale = "en_GB" if language == "en" else language
    return str(format_date(date_, "long", locale=locale))


def moment(instant: datetime | None, language: str) -> str:
    """The day of an instant in UTC; a dash without one."""
    return day(instant.astimezone(UTC).date(), language) if instant else "–"
