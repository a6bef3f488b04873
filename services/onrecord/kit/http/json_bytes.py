"""JSON as every API writes it: instants in UTC end with `Z`. Used by each answer.

Answers that FastAPI serializes itself, from response models, have the same form.
"""

from typing import Any

import orjson


def json_bytes(value: Any, *, newline: bool = False) -> bytes:
    """A value as JSON, with a newline for answers of one line an item."""
    option = orjson.OPT_UTC_Z | (orjson.OPT_APPEND_NEWLINE if newline else 0)
    return orjson.dumps(value, option=option)
