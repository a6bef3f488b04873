"""Which names may things have, and how is one name made from another?

Called by the doors (to check and to mint), by `decisions` (to look things up) and by the ledger.
Every event and every thing has a UUID: a statement or position has that of the event that made it;
an actor or topic, whose name is a slug, has UUIDv5(kind, slug). So one table of ids serves all.
"""

from functools import lru_cache
from typing import Annotated, Literal
from uuid import UUID, uuid5

import uuid_utils.compat
from pydantic import StringConstraints

EntityKind = Literal["actor", "topic", "statement", "position"]

_NAMESPACE = UUID("6f8d1c9e-4f0b-5b7e-9d53-0c7a8e3f2b11")
"""Root of every UUIDv5 made here (RFC 9562, section 5.5). Never changes: ids depend on it."""

SLUG_PATTERN = r"^(?:Q[1-9][0-9]{0,14}|[a-z0-9]+(?:[-_][a-z0-9]+)*)$"
Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=80)]
"""`emmanuel-macron`, a Wikidata QID such as `Q3052772`, or an opaque lower-case id."""

CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]*$"
Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN, max_length=80)]
"""An ASCII code that may stand in an entry's `data`: a coder, a ground. Never free text."""


def entity_id(kind: EntityKind, name: str | UUID) -> UUID:
    """The UUID of a thing: a statement's or position's own, a slug's UUIDv5(kind, slug)."""
    return name if isinstance(name, UUID) else _slug_id(kind, name)


@lru_cache(maxsize=65_536)  # the same actors and topics come again and again
def _slug_id(kind: EntityKind, slug: str) -> UUID:
    return uuid5(uuid5(_NAMESPACE, kind), slug)


def additional_event_id(request: UUID, n: int) -> UUID:
    """The id of the n-th event (from 0) that is appended along with the request's own."""
    return uuid5(request, str(n))


def id_from_idempotency_key(caller: str, idempotency_key: str) -> UUID:
    """The id of a write that brings an `Idempotency-Key` instead of an id."""
    return uuid5(uuid5(_NAMESPACE, "key"), f"{caller}\n{idempotency_key}")


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562): sorts by time of making, so indexes grow at one end."""
    return uuid_utils.compat.uuid7()
