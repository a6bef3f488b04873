"""Upcasts: functions that lift stored events of an older version to the newest one.

Called by `event_types.parse_event` only. Every type has one version so far. A new version is a
class with the next `version` in `events.py` and one entry here: `("statement.made", 1): to_v2`, a
pure function from the whole older event (as JSON) to the next version. Folds only see the newest.
"""

from collections.abc import Callable, Mapping

from onrecord.domain.payload import Json

UPCASTS: Mapping[tuple[str, int], Callable[[Json], Json]] = {}


def upcast(type_: str, version: int, event: Json) -> tuple[int, Json]:
    """Lift a whole event to the newest version of its type; returns that version and the event."""
    while lift := UPCASTS.get((type_, version)):
        event, version = lift(event), version + 1
    return version, event
