"""A stream of all events, which goes on where it was interrupted. Used by both clients."""

from collections.abc import Iterator
from typing import Any

from onrecord.audit.schemas import EventOut, EventSearch
from onrecord.client.call import NDJSON, path, query_parameters


class EventStream:
    """The requests and the events of one replay."""

    def __init__(self, search: EventSearch | None) -> None:
        self._params = query_parameters(search)
        self._rest = b""

    def request_options(self) -> dict[str, Any]:
        """The arguments of `httpx2.Client.stream`: for all events after the last one."""
        self._rest = b""  # of a line that was cut
        return {
            "method": "GET",
            "url": path("events"),
            "params": self._params,
            "headers": {"Accept": NDJSON},
        }

    def events(self, chunk: bytes) -> Iterator[EventOut]:
        """The events whose lines end in this part of a response.

        The next request goes on after the last one that was taken.
        """
        # `iter_lines` of httpx2 also splits at U+2028, which is text in JSON.
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            event = EventOut.model_validate_json(line, extra="ignore")
            self._params["after"] = event.entry.seq
            yield event
