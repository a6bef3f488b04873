"""Further fields of a request's log line, from those parts of the service that know them.

Used by problems, which name their code, and by the write API, which names what was recorded.
"""

from collections.abc import Mapping
from typing import Any, Final

LOG_FIELDS: Final = "log_fields"
"""The name of the dictionary in the state of a request."""


def add_log_fields(state: Mapping[str, Any], **fields: Any) -> None:
    """Add fields to the line of the request with this state, if it has one."""
    if (present := state.get(LOG_FIELDS)) is not None:
        present.update(fields)
