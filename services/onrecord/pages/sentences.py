"""Sentences, names of stances and kinds of change, and dates in words, for all pages and feeds.

Pure functions. Each takes `_`, the function that translates a string of the catalogue, first, and
dates take the language. A kind of change has a sign beside its words, never a colour alone.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, Protocol
from unicodedata import bidirectional

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


_HOLDS: Final[dict[Stance, str]] = {
    "support": N_("supports"),
    "conditional_support": N_("conditionally supports"),
    "neutral": N_("is neutral on"),
    "conditional_oppose": N_("conditionally opposes"),
    "oppose": N_("opposes"),
    "mixed": N_("takes a mixed position on"),
    "no_position": N_("declares to have no position on"),
}
_DIRECTIONS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
CORRECTION_SIGN: Final = "✎"
"""Of what the record had wrong; every change of stance has a sign of `KIND_SIGNS`."""
WRONG: Final = {
    "us": N_("our mistake"),
    "outlet": N_("the outlet’s mistake"),
    "speaker": N_("the speaker’s own mistake"),
}
"""Whose mistake a correction or retraction mends."""
SAID_BASES: Final = {
    "stated": N_("as the source says"),
    "inferred": N_("as the coder inferred"),
    "published_bound": N_("by the date of publication"),
}
CAPACITIES: Final = {
    "individual": N_("individual"),
    "spokesperson": N_("as spokesperson"),
    "joint": N_("jointly"),
}
RELATIONS: Final = {
    "reported": N_("reported by"),
    "quoted": N_("quoted by"),
    "characterised": N_("characterised by"),
}
SECTIONS: Final = {
    "content": N_("the words"),
    "evidence": N_("the sources"),
    "roles": N_("the roles of the speakers"),
    "venue": N_("the venue"),
    "note": N_("the note of the coder"),
    "reason": N_("the reasons of corrections"),
}
FIELDS: Final = {
    "speakers": N_("the speakers"),
    "topics": N_("the topics"),
    "addressees": N_("the addressees"),
    "venue": N_("the venue"),
    "said_at": N_("the date"),
    "said_at_basis": N_("what the date rests on"),
    "evidence": N_("the sources"),
    "embedded_in": N_("the statement that holds it"),
    "same_utterance_as": N_("other reports of it"),
    "stances": N_("the stances read in it"),
    "coder": N_("the coder"),
    "note": N_("the note of the coder"),
}
"""Fields of a statement that a correction may change, besides its words."""
ACTOR_KINDS: Final = {
    "person": N_("person"),
    "organisation": N_("organisation"),
    "government": N_("government"),
    "office": N_("office"),
    "group": N_("group"),
}


@lru_cache(maxsize=10_000)
def isolated(text: str) -> str:
    """Text of the record within a sentence: it cannot turn the direction of what follows.

    The controls of the bidirectional algorithm (UAX #9) are left out, and letters that run from
    right to left are isolated. Elsewhere recorded words are shown as they are, in elements that
    isolate them.
    """
    if text.isascii():
        return text
    plain = _DIRECTIONS.sub("", text)
    is_turned = any(bidirectional(char) in ("R", "AL") for char in plain)
    return f"\u2068{plain}\u2069" if is_turned else plain


def change(_: Translate, step: Any, language: str) -> str:
    """What a step of a timeline is, as one sentence."""
    sentence = _(_CHANGES[step.kind]).format(
        who=isolated(step.actor_label),
        what=isolated(step.topic_label),
        before=_(STANCES[step.previous.stance if step.previous else None]),
        after=_(STANCES[step.stance]),
        when=when(step.effective, language, _),
    )
    if step.announced:
        sentence += " " + _("This was announced ahead of its date.")
    if step.certainty == "possible":
        sentence += " " + _("Inexact dates leave open what came before.")
    return sentence


def correction(_: Translate, amendment: Any, language: str) -> str:
    """What a correction or retraction of a position or statement mends, as one sentence."""
    names = {
        "who": isolated(", ".join(amendment.actor_labels)),
        "what": isolated(", ".join(amendment.topic_labels)),
    }
    if amendment.subject == "statement":
        if amendment.now is None:
            return _("A statement of {who} was withdrawn from the record.").format(**names)
        return _("A statement of {who} was corrected on record.").format(**names)
    before, after = (
        version and _held_then(_, version, language) for version in (amendment.was, amendment.now)
    )
    if after is None:
        sentence = _("The record on {who} and “{what}” no longer says {before}.")
    elif before is None:
        sentence = _("The record on {who} and “{what}” says {after} again.")
    elif before == after:
        sentence = _("The record on {who} and “{what}” was corrected; it still says {after}.")
    else:
        sentence = _("The record on {who} and “{what}” now says {after}; it said {before}.")
    return sentence.format(**names, before=before, after=after)


def held(_: Translate, version: Any, language: str) -> str:
    """A stance with its condition and its date: what may be held, was said, or is said now."""
    if version.stance is None:
        return _(STANCES[None])
    return _stance_since(_, version, version.effective, language)


def _held_then(_: Translate, version: Any, language: str) -> str:
    return _stance_since(_, version, version.date, language)


def _stance_since(_: Translate, version: Any, date_: str, language: str) -> str:
    words = _(STANCES[version.stance])
    if version.condition:
        words += " " + condition(_, version.condition)
    return f"{words}, {when(date_, language, _)}"


def stands(_: Translate, position: Any, language: str) -> str:
    """What somebody holds on a topic, as one sentence, with the other possibilities if any."""
    names = {"who": isolated(position.actor_label), "what": isolated(position.topic_label)}
    if position.certainty == "possible" or position.stance is None:
        listed = possibilities(_, [position, *position.alternatives], language)
        sentence = _("The position of {who} on “{what}” is only possible, as dates are inexact:")
        return f"{sentence.format(**names)} {listed}."
    sentence = _("{who} {holds} “{what}”, since {date}.")
    since = position.since.removeprefix("../")
    if since != position.since:
        sentence = _("{who} {holds} “{what}”, since {date} at the latest.")
    return sentence.format(**names, holds=_(_HOLDS[position.stance]), date=span(since, language))


def possibilities(_: Translate, steps: Iterable[Any], language: str) -> str:
    """What may have been held, as a list in words; that nothing was comes last."""
    listed = sorted(steps, key=lambda step: step.id is None)
    return "; ".join(f"{_('perhaps')} {held(_, step, language)}" for step in listed)


def condition(_: Translate, text: str | None) -> str:
    """The condition of a stance, in brackets, or nothing."""
    if not text:
        return ""
    return _("(on the condition “{condition}”)").format(condition=isolated(text))


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


def machine_date(text: str) -> str:
    """A date of the record for the attribute `datetime` of `<time>`: `../D` has that of D."""
    return text.removeprefix("../")


def day_of(instant: str, language: str) -> str:
    """The day of an instant in UTC that is given as text."""
    return moment(datetime.fromisoformat(instant), language)
