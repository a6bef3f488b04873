"""How is an event of an older shape read today?

Called by `event_types.parse_event` alone. There is one shape of each type so far. A new one is a class with
the next `version` in `events.py` and one entry here: `("statement.made", 1): to_2`, a pure
function from the older whole event (as JSON) to the next one. Folds only ever see the newest shape.
"""

from collections.abc import Callable, Mapping

from onrecord.domain.payload import Json

UPCASTS: Mapping[tuple[str, int], Callable[[Json], Json]] = {}


def upcast(type_: str, version: int, whole: Json) -> tuple[int, Json]:
    """Lift an event to its newest shape; answers that shape's version and the event."""
    while step := UPCASTS.get((type_, version)):
        whole, version = step(whole), version + 1
    return version, whole
