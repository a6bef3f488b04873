"""Parser of server-sent events, written from the WHATWG standard without code of onrecord.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """An event as an EventSource dispatches it, with the last event id."""

    id: str
    type: str
    data: str


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream; an incomplete event at its end is dropped."""
    last_id, type_, data = "", "", ""
    for line in lines(chunks):
        if line == "":
            if data:
                yield Event(last_id, type_ or "message", data.removesuffix("\n"))
            type_, data = "", ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            type_ = value
        elif field == "data":
            data += value + "\n"
        elif field == "id" and "\0" not in value:
            last_id = value


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Whole lines, ended by LF, CR LF or CR."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    for chunk in chunks:
        rest += decoder.decode(chunk)
        carriage_return = "\r" if rest.endswith("\r") else ""  # it may be half of a CR LF
        text = rest.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        *whole, rest = text.split("\n")
        rest += carriage_return
        yield from whole
    if rest.endswith("\r"):
        yield rest.removesuffix("\r")
