"""Marked-up words that recur on pages: stances, dates, kinds of change. Cached, as templates repeat
them in each row.

Pure functions over `sentences`. Everything that is put in is escaped.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup

from onrecord.domain.changes import ChangeKind
from onrecord.domain.stances import Stance
from onrecord.pages import sentences
from onrecord.pages.sentences import Translate

_STANCE: Final = Markup(
    '<span class="stance {}"><span class="sign" aria-hidden="true">{}</span> {}</span>'
)
_KIND: Final = Markup(
    '<span class="kind"><span class="sign" aria-hidden="true">{}</span> {}</span>'
)
_TIME: Final = Markup('<time datetime="{}">{}</time>')


@lru_cache(maxsize=1_000)
def stance(_: Translate, value: Stance | None) -> Markup:
    """A stance as its sign and words."""
    words = _(sentences.STANCES[value])
    return _STANCE.format(value or "none", sentences.STANCE_SIGNS[value], words)


@lru_cache(maxsize=1_000)
def kind(_: Translate, value: ChangeKind) -> Markup:
    """A kind of change as its sign and words."""
    return _KIND.format(sentences.KIND_SIGNS[value], _(sentences.KINDS[value]))


@lru_cache(maxsize=10_000)
def date(_: Translate, text: str, language: str) -> Markup:
    """A date of the record in words, with its preposition."""
    return _TIME.format(sentences.machine_date(text), sentences.when(text, language, _))


@lru_cache(maxsize=10_000)
def moment(instant: datetime, language: str) -> Markup:
    """The day of an instant."""
    return _TIME.format(instant.isoformat(), sentences.moment(instant, language))


def held(_: Translate, version: Any, language: str) -> Markup:
    """A stance with its condition and its date."""
    parts = stance(_, version.stance)
    if version.condition:
        words = sentences.condition(_, version.condition)
        parts += Markup(" <bdi>{}</bdi>").format(words)
    if version.effective:
        parts += Markup(", ") + date(_, version.effective, language)
    return parts
