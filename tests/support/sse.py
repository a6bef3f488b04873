"""How does a test read server-sent events? As the WHATWG standard says, by none of our own code.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """What an EventSource dispatches, with the id that it would come again with."""

    id: str
    type: str
    data: str


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream; one that its end cuts off is none."""
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
        held = "\r" if rest.endswith("\r") else ""  # it may be half of a CR LF
        text = rest.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        *whole, rest = text.split("\n")
        rest += held
        yield from whole
    if rest.endswith("\r"):
        yield rest.removesuffix("\r")
