"""Marked-up words that recur on pages: stances, dates, kinds of change. Cached, as templates repeat
them in each row.

Pure functions over `sentences`. Everything that is put in is escaped.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup

from onrecord.domain.changes import ChangeKind
from onrecord.domain.stances import Stance
from onrecord.pages import sentences

_Translate = Callable[[str], str]
_STANCE: Final = Markup(
    '<span class="stance {}"><span class="sign" aria-hidden="true">{}</span> {}</span>'
)
_KIND: Final = Markup(
    '<span class="kind"><span class="sign" aria-hidden="true">{}</span> {}</span>'
)
_TIME: Final = Markup('<time datetime="{}">{}</time>')


@lru_cache(maxsize=1_000)
def stance_mark(_: _Translate, value: Stance | None) -> Markup:
    """A stance as its sign and words."""
    words = _(sentences.STANCES[value])
    return _STANCE.format(value or "none", sentences.STANCE_SIGNS[value], words)


@lru_cache(maxsize=1_000)
def kind_mark(_: _Translate, value: ChangeKind) -> Markup:
    """A kind of change as its sign and words."""
    return _KIND.format(sentences.KIND_SIGNS[value], _(sentences.KINDS[value]))


@lru_cache(maxsize=10_000)
def date_mark(_: _Translate, text: str, language: str) -> Markup:
    """A date of the record in words, with its preposition."""
    return _TIME.format(sentences.machine_date(text), sentences.when(text, language, _))


@lru_cache(maxsize=10_000)
def moment_mark(instant: datetime, language: str) -> Markup:
    """The day of an instant."""
    return _TIME.format(instant.isoformat(), sentences.moment(instant, language))


def held_mark(_: _Translate, version: Any, language: str) -> Markup:
    """A stance with its condition and its date."""
    parts = stance_mark(_, version.stance)
    if version.condition:
        words = sentences.condition(_, version.condition)
        parts += Markup(" <bdi>{}</bdi>").format(words)
    if version.effective:
        parts += Markup(", ") + date_mark(_, version.effective, language)
    return parts
