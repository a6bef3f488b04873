"""Entries of feeds: changes of position, corrections and retractions, and statements.

Pure functions, used by `routes`. `_` translates a string of the catalogue. Texts
are plain; `Entry.html` makes HTML of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from markupsafe import escape

from onrecord.pages import sentences
from onrecord.pages.paths import timeline_path
from onrecord.pages.sentences import N_, Translate
from onrecord.query.answers.correction_schemas import AmendedContent, Correction
from onrecord.query.answers.step_schemas import Step

MAX_TITLE: Final = 200
_WRONG: Final = {
    "us": N_("Correction: our mistake."),
    "outlet": N_("Correction: the outlet’s mistake."),
    "speaker": N_("Correction: the speaker’s own mistake."),
    None: N_("Correction:"),
}
_RETRACTED: Final = N_("The record no longer says of {subject}: {was}.")
_CORRECTED: Final = N_("The record on {subject} now says {now}; it said {was} before.")
_ERASED: Final = N_("These words were erased.")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of a feed. `quotation` is a text of the record, in `lang`.

    `seq` is its place in the ledger. `published` is None for what was corrected since.
    """

    id: UUID
    path: str
    title: str
    quotation: str | None
    lang: str | None
    note: str | None
    authors: Sequence[str]
    tags: Sequence[str]
    seq: int
    published: datetime | None
    updated: datetime

    @property
    def guid(self) -> str:
        return f"urn:uuid:{self.id}"

    def html(self) -> str:
        """Title, quotation and note as HTML, in which no text is markup."""
        parts = [f"<p>{escape(self.title)}</p>"]
        if self.quotation is not None:
            lang = f' lang="{escape(self.lang)}"' if self.lang else ""
            parts.append(f'<blockquote dir="auto"{lang}>{escape(self.quotation)}</blockquote>')
        if self.note:
            parts.append(f"<p>{escape(self.note)}</p>")
        return "".join(parts)


def merged(
    steps: Sequence[Step], amendments: Sequence[Correction], in_words: "InWords"
) -> list[Entry]:
    """Changes and corrections, last recorded first; a change that was corrected keeps its place."""
    corrected = {amendment.id for amendment in amendments}
    entries = [in_words.change(step, is_corrected=step.id in corrected) for step in steps]
    entries += map(in_words.correction, amendments)
    return sorted(entries, key=lambda entry: entry.seq, reverse=True)


@dataclass(frozen=True)
class InWords:
    """Entries in a language."""

    translate: Translate
    language: str

    def change(self, step: Step, *, is_corrected: bool) -> Entry:
        return Entry(
            id=step.id,
            path=f"{timeline_path(step.actor, step.topic)}#step-{step.id}",
            title=sentences.change(self.translate, step, self.language),
            quotation=step.summary,
            lang=None,
            note=sentences.condition(self.translate, step.condition) or None,
            authors=(step.actor_label,),
            tags=(step.topic_label, step.kind),
            seq=step.seq,
            published=None if is_corrected else step.recorded_at,
            updated=step.recorded_at,
        )

    def correction(self, amendment: Correction) -> Entry:
        """A correction or retraction: whose mistake it was, what stood before, what stands now."""
        _ = self.translate
        is_position = amendment.subject == "position"
        who = ", ".join(amendment.actor_labels)
        topics = ", ".join(amendment.topic_labels)
        subject = f"{who}: “{topics}”" if is_position and topics else who
        was = self._content(amendment.was)
        if amendment.now is None:
            sentence = _(_RETRACTED).format(subject=subject, was=was)
        else:
            now = self._content(amendment.now)
            sentence = _(_CORRECTED).format(subject=subject, was=was, now=now)
        path = statement_path(amendment.id)
        if is_position and amendment.topics:
            path = timeline_path(amendment.actors[0], amendment.topics[0])
        return Entry(
            id=amendment.event,
            path=path,
            title=f"{_(_WRONG.get(amendment.by, _WRONG[None]))} {sentence}",
            quotation=None,
            lang=None,
            note=amendment.reason,
            authors=(),
            tags=("correction" if amendment.now else "retraction",),
            seq=amendment.seq,
            published=amendment.recorded_at,
            updated=amendment.recorded_at,
        )

    def _content(self, content: AmendedContent | None) -> str:
        """What stood or stands: a stance or words, and the date."""
        _ = self.translate
        if content is None:
            return "–"
        words = _shortened(content.words) if content.words is not None else None
        when = sentences.when(content.date, self.language, _)
        if content.stance is None:
            return f"“{words}” {when}" if words is not None else f"({_(_ERASED)}) {when}"
        condition = sentences.condition(_, content.condition)
        parts = (_(sentences.STANCES[content.stance]), condition, when, words and f"(“{words}”)")
        return " ".join(part for part in parts if part)

    def statement(self, statement: Mapping[str, Any]) -> Entry:
        """The words of a statement, and who said them."""
        _ = self.translate
        content = statement["content"]
        speakers = statement["speaker_labels"]
        text = content.get("text")
        title = f"{', '.join(speakers)}: {_shortened(text) if text else _(_ERASED)}"
        note = None
        if statement["status"] == "retracted":
            closed = statement["closed"]
            wrong = _(_WRONG.get(closed.by if closed else None, _WRONG[None]))
            title = f"{wrong} {_('Retracted')}: {title}"
            note = closed.reason if closed else None
        elif statement["status"] == "corrected":
            title = f"{_('Corrected')}: {title}"
        return Entry(
            id=UUID(str(statement["id"])),
            path=statement_path(statement["id"]),
            title=title,
            quotation=text if text is not None else _(_ERASED),
            lang=content["lang"] if text is not None else None,
            note=note,
            authors=speakers,
            tags=[label for label in statement["topic_labels"] if label],
            seq=0,
            published=statement["recorded_at"] if statement["status"] == "on_record" else None,
            updated=statement["recorded_at"],
        )


def statement_path(id_: UUID | str) -> str:
    return f"/statements/{id_}"


def _shortened(text: str) -> str:
    """A text as part of a title: on one line, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1].rstrip() + "…"
