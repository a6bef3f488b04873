"""Messages of validation errors that say in words what a field takes. Used by field types."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """Annotation: the message of every error of the value, after its constraints.

    pydantic's own message of a pattern is the regular expression.
    """

    text: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner = handler(source)
        return core_schema.custom_error_schema(inner, "fault", custom_error_message=self.text)
