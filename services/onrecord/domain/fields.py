"""Field types and checks that statements, positions and events share.

Used by `statement`, `position`, `events` and the request models of the APIs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from annotated_types import GroupedMetadata
from pydantic import Field, StringConstraints
from pydantic_core import PydanticCustomError

from onrecord.domain.error_message import ErrorMessage
from onrecord.domain.ids import Slug
from onrecord.domain.payload import Ref


@dataclass(frozen=True, slots=True)
class _FreeText(GroupedMetadata):
    limit: int

    def __iter__(self) -> Iterator[object]:
        yield StringConstraints(min_length=1, max_length=self.limit, pattern=r"\S")
        yield ErrorMessage(f"must be text of 1 to {self.limit} characters that is not blank")


def free_text(limit: int) -> GroupedMetadata:
    """Annotation of text of at most `limit` code points that is not blank."""
    return _FreeText(limit)


LanguageTag = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$", max_length=35),
    ErrorMessage("must be a language tag (BCP 47), as en or pt-BR"),
]
"""A BCP 47 language tag."""
ActorSlugs = Annotated[tuple[Slug, ...], Ref("actor"), Field(max_length=64)]
TopicSlugs = Annotated[tuple[Slug, ...], Ref("topic"), Field(max_length=64)]
StatementIds = Annotated[tuple[UUID, ...], Ref("statement"), Field(max_length=64)]


def require_unique(field: str, values: Sequence[object]) -> None:
    """Raise a `field_error` at the first value of a list field that repeats an earlier one."""
    for n, value in enumerate(values[1:], 1):
        if value in values[:n]:
            raise field_error(f"/{field}/{n}", f"{value!s} stands there twice")


def field_error(pointer: str, message: str) -> PydanticCustomError:
    """A validation error of several fields together, reported at one of them.

    `pointer` is relative to the model; `kit.http.problems` reads it from the context, as `at`.
    """
    return PydanticCustomError("fault", "{message}", {"at": pointer, "message": message})
