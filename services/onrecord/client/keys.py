"""Calls about API keys."""

from uuid import UUID, uuid4

from onrecord.access.schemas import CreatedKey, Key, KeyIn, KeyListParams, KeyPage, Me
from onrecord.client.call import Call, path


def create_key(key: KeyIn) -> Call[CreatedKey]:
    """The answer alone holds the token; that of a repeated request has none."""
    body = key if key.id else key.model_copy(update={"id": uuid4()})
    where = path("keys")
    return Call(method="POST", path=where, answer=CreatedKey, body=body, repeatable=False)


def list_keys(page: KeyListParams | None = None) -> Call[KeyPage]:
    return Call(method="GET", path=path("keys"), answer=KeyPage, params=page)


def get_key(id_: UUID) -> Call[Key]:
    return Call(method="GET", path=path("keys", id_), answer=Key)


def revoke_key(id_: UUID) -> Call[None]:
    return Call(method="DELETE", path=path("keys", id_), answer=type(None))


def get_me() -> Call[Me]:
    """The key that the client sends: its id, name, scopes and expiry."""
    return Call(method="GET", path=path("me"), answer=Me)
