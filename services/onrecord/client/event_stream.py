"""A stream of all events, which goes on where it was interrupted. Used by both clients."""

from typing import Any

from onrecord.audit.schemas import EventOut, EventSearch
from onrecord.client.call import NDJSON, path


class EventStream:
    """The requests and the events of one replay."""

    def __init__(self, search: EventSearch | None) -> None:
        self._params = search.model_dump(mode="json", exclude_unset=True) if search else {}

    def request_options(self) -> dict[str, Any]:
        """The arguments of `httpx2.Client.stream`: for all events after the last one."""
        return {
            "method": "GET",
            "url": path("events"),
            "params": self._params,
            "headers": {"Accept": NDJSON},
        }

    def event(self, line: str) -> EventOut:
        """The event of a line, after which the next request goes on."""
        event = EventOut.model_validate_json(line, extra="ignore")
        self._params["after"] = event.entry.seq
        return event
