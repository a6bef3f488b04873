"""Scopes of API keys: what the holder of a key may do. None of them implies another.

Used by the events about keys, and by `access`, which checks them.
"""

from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field

from onrecord.domain.fields import field_error

KeyScope = Literal["read", "write", "webhooks", "admin"]
ALL_SCOPES: Final[tuple[KeyScope, ...]] = get_args(KeyScope)


def _validated_scopes(scopes: tuple[KeyScope, ...]) -> tuple[KeyScope, ...]:
    for n, scope in enumerate(scopes):
        if scope in scopes[:n]:
            raise field_error(f"/{n}", f"{scope} stands there twice")
    return scopes


KeyScopes = Annotated[tuple[KeyScope, ...], Field(min_length=1), AfterValidator(_validated_scopes)]
