"""Field types and checks that statements, positions and events share.

Used by `statement`, `position`, `events` and the request models of the APIs.
"""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints
from pydantic_core import PydanticCustomError

from onrecord.domain.ids import Slug
from onrecord.domain.payload import Ref


def free_text(limit: int) -> StringConstraints:
    """Text of at most `limit` code points that is not blank."""
    return StringConstraints(min_length=1, max_length=limit, pattern=r"\S")


LanguageTag = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$", max_length=35)
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
