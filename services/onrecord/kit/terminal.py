"""Text of the record made safe for a terminal, which obeys control characters.

Used by everything that prints: the commands and the importer. What a terminal would obey, or what
would hide or reorder what stands around it, is shown as an escape: ESC as `\\x1b`.
"""

import json
import unicodedata
from collections.abc import Iterable
from dataclasses import is_dataclass, replace
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

ValueT = TypeVar("ValueT")

_HIDDEN: Final = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Categories of characters that are not shown as themselves: controls of the terminal (Cc), of
direction and width (Cf), halves of characters (Cs), private ones (Co), and separators of lines."""
_JOINERS: Final = "\u200c\u200d"
"""Persian, Hindi and emoji are written with these between two characters."""


def visible(text: str, *, lines: bool = False) -> str:
    """The text with an escape for each character that a terminal would obey, or would not show.

    `lines`: whether line feeds stay. A joiner stays between two characters that are not ASCII,
    where writing needs it; elsewhere it could only hide something.
    """
    if text.isprintable():
        return text
    return "".join(
        _escaped(char)
        if unicodedata.category(char) in _HIDDEN
        and not (lines and char == "\n")
        and not (char in _JOINERS and _joins(text, index))
        else char
        for index, char in enumerate(text)
    )


def _joins(text: str, index: int) -> bool:
    neighbours = (*text[max(index - 1, 0) : index], *text[index + 1 : index + 2])
    return len(neighbours) == 2 and all(
        not char.isascii() and unicodedata.category(char) not in {*_HIDDEN, "Zs"}
        for char in neighbours
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def visible_texts(value: ValueT) -> ValueT:
    """The value, a model or JSON, with `visible` texts, in which line feeds stay."""
    return cast(ValueT, _visible_value(value))


def _visible_value(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value, lines=True)
    if isinstance(value, list | tuple):
        return type(value)(map(_visible_value, value))
    if isinstance(value, dict):
        return {visible(name): _visible_value(item) for name, item in value.items()}
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: _visible_value(item) for name, item in value})
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{name: _visible_value(item) for name, item in vars(value).items()})
    return value


def json_text(document: Any) -> str:
    """One JSON document for a terminal or a pipe: ASCII, so it has no character to obey."""
    return json.dumps(document, indent=2, default=str)


class TerminalConsole(Console):
    """A console that shows escapes whatever it prints; `rich` would send ESC to the terminal.

    Who prints text of the record uses `visible` first: `rich` drops some controls, and measures
    the width of a text, before it comes here.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment  # rich's own movements of the cursor
            else:
                yield Segment(visible(segment.text, lines=True), segment.style)
