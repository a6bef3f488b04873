"""Cards: a statement or a position as a quotation with its source, to embed in other sites.

Pure functions. A card is plain HTML without scripts or styles; no text of the record is markup.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from onrecord.pages import sentences
from onrecord.pages.sentences import Translate
from onrecord.query.answers.position_schemas import PositionOut


@dataclass(frozen=True, kw_only=True)
class Card:
    """A quotation, who is quoted, and the address of the page that has it."""

    address: str
    title: str
    words: str
    lang: str | None
    attribution: str
    notice: str | None

    def html(self) -> Markup:
        lang = Markup(' lang="{}"').format(self.lang) if self.lang else ""
        notice = Markup("<p><strong>{}</strong></p>").format(self.notice) if self.notice else ""
        return Markup(
            '<blockquote class="onrecord" cite="{address}">{notice}<p dir="auto"{lang}>{words}</p>'
            '<footer>— <a href="{address}"><bdi>{attribution}</bdi></a></footer></blockquote>'
        ).format(
            address=self.address,
            notice=notice,
            lang=lang,
            words=escape(self.words),
            attribution=self.attribution,
        )


def statement_card(
    _: Translate, statement: Mapping[str, Any], language: str, public_url: str
) -> Card:
    """The words of a statement, or that they were erased or retracted."""
    content = statement["content"]
    text = content.get("text")
    speakers = ", ".join(statement["speaker_labels"])
    said = sentences.when(statement["said_at"], language, _)
    notices = {"retracted": _("Retracted"), "corrected": _("Corrected")}
    return Card(
        address=f"{public_url}/statements/{statement['id']}",
        title=speakers,
        words=_("These words were erased.") if text is None else text,
        lang=None if text is None else content["lang"],
        attribution=f"{speakers}, {said} ({_(sentences.MODES[content['mode']])})",
        notice=notices.get(statement["status"]),
    )


def position_card(_: Translate, position: PositionOut, public_url: str) -> Card:
    """What an actor held on a topic, in the sentence to cite."""
    title = f"{position.actor_label}: {position.topic_label}"
    return Card(
        address=f"{public_url}/actors/{position.actor}/topics/{position.topic}",
        title=title,
        words=position.cite,
        lang="en",
        attribution=title,
        notice=None,
    )
