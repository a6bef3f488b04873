"""Request and response models of the routes about keys."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, field_validator

from onrecord.domain.fields import free_text
from onrecord.domain.payload import FrozenModel
from onrecord.domain.scopes import KeyScope, KeyScopes


class KeyIn(FrozenModel):
    """A key to create. Its name and scopes are on record, where every reader sees them."""

    id: Annotated[
        UUID | None,
        Field(description="A UUID of your choice: a repeat with it creates no second key."),
    ] = None
    name: Annotated[str, free_text(200), Field(description="Whose key it is, or what for.")]
    scopes: KeyScopes
    expires_at: Annotated[
        AwareDatetime | None, Field(description="From then on it is refused.")
    ] = None

    @field_validator("expires_at")
    @classmethod
    def _validate_expiry(cls, expires_at: datetime | None) -> datetime | None:
        try:
            expires_at = expires_at.astimezone(UTC) if expires_at else None
        except OverflowError:
            raise ValueError("must lie before the year 10000 in UTC") from None
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise ValueError("must lie ahead")
        return expires_at


class Key(BaseModel):
    """A key, without its secret."""

    id: Annotated[UUID, Field(description="`recorded_by` of what it records.")]
    name: str
    scopes: Sequence[KeyScope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, Field(description="To the minute.")]
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Key":
        """The key in a row of `access.keys`."""
        return cls.model_validate(row)


class CreatedKey(Key):
    """A new key with its token. A repeated request has no token: it is shown once."""

    token: str | None


class KeyListParams(FrozenModel):
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Annotated[str | None, Field(max_length=500)] = None


class KeyPage(BaseModel):
    """Keys in the order of their ids, revoked ones too."""

    items: Sequence[Key]
    next: str | None


class Me(BaseModel):
    """The caller. Without a key, where reads are open to all: no id and no name."""

    id: UUID | None
    name: str | None
    scopes: Sequence[KeyScope]
    expires_at: datetime | None
