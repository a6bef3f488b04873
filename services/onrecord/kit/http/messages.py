"""Messages of invalid fields and parameters, from pydantic's errors. Used by `problems`.

pydantic speaks of inputs, strings and tuples; a client of the API has fields and lists.
"""

from collections.abc import Mapping
from typing import Any, Final

_LIST: Final = "must be a list"
_OBJECT: Final = "must be an object"
_TEXT: Final = "must be text"
_UUID: Final = "must be a UUID"
_WHOLE_NUMBER: Final = "must be a whole number"
_TRUE_OR_FALSE: Final = "must be true or false"
_INSTANT: Final = "must be an instant with its offset, as 2022-03-20T09:30:00+01:00"
_MESSAGES: Final = {
    "missing": "is required",
    "extra_forbidden": "is no field here",
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": "needs {min_length} or more characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "needs {min_length} or more items",
    "too_long": "must have at most {max_length} items",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": "has too many digits",
    "int_from_float": _WHOLE_NUMBER,
    "finite_number": _WHOLE_NUMBER,
    "bool_type": _TRUE_OR_FALSE,
    "bool_parsing": _TRUE_OR_FALSE,
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "timezone_aware": _INSTANT,
}
"""By pydantic's type of the error, with values of its context."""


def message_of(error: Mapping[str, Any]) -> str:
    """The message of an error. What a validator of ours raised says it itself."""
    message = _MESSAGES.get(error.get("type", ""))
    if message is None:
        own: str = error["msg"]
        return own.removeprefix("Value error, ")
    return message.format(**error.get("ctx", {}))
