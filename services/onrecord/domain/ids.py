"""Identifiers: slugs and codes, and the UUIDs that are derived from them.

Used by the APIs to validate and create ids, by `requests` and by the ledger. Every event and every
entity has a UUID. A statement, position, dismissal or key has the UUID of the event that made it;
an actor or topic, which is named by a slug, has UUIDv5(kind, slug). So one table of ids serves all
of them.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Literal
from uuid import UUID, uuid5

from pydantic import StringConstraints

from onrecord.domain.error_message import ErrorMessage

EntityKind = Literal["actor", "topic", "statement", "position", "dismissal", "key"]

_NAMESPACE = UUID("6f8d1c9e-4f0b-5b7e-9d53-0c7a8e3f2b11")
"""Root of all UUIDv5 here (RFC 9562, section 5.5). It must never change."""

SLUG_PATTERN = r"^(?:Q[1-9][0-9]{0,14}|[a-z0-9]+(?:[-_][a-z0-9]+)*)$"
Slug = Annotated[
    str,
    StringConstraints(pattern=SLUG_PATTERN, max_length=80),
    ErrorMessage(
        "must be lower-case letters and digits with single hyphens or underscores between them, as "
        "emmanuel-macron, or a Wikidata id, as Q3052772; at most 80 characters"
    ),
]
"""`emmanuel-macron`, a Wikidata QID such as `Q3052772`, or an opaque lower-case id."""

CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]*$"
Code = Annotated[
    str,
    StringConstraints(pattern=CODE_PATTERN, max_length=80),
    ErrorMessage(
        "must be letters from a to z or A to Z, digits and the signs . _ : @ / + - and begin with "
        "a letter or digit; at most 80 characters"
    ),
]
"""An ASCII code that may stand in an entry's `data`: a coder, a ground. Never free text."""


def entity_id(kind: EntityKind, name: str | UUID) -> UUID:
    """The UUID of an entity: UUIDv5(kind, slug) of a slug; a UUID is one already."""
    return name if isinstance(name, UUID) else _slug_id(kind, name)


@lru_cache(maxsize=65_536)  # few actors and topics have most of the events
def _slug_id(kind: EntityKind, slug: str) -> UUID:
    return uuid5(uuid5(_NAMESPACE, kind), slug)


def unknown_name_message(kind: EntityKind, name: str | UUID, nearest: Iterable[str] = ()) -> str:
    """The message for a name that is not on record, with the slugs nearest to it."""
    message = f"no {kind} {str(name)!r} is on record"
    slugs = ", ".join(map(repr, nearest))
    return f"{message}; the nearest are {slugs}" if slugs else message


def additional_event_id(request: UUID, n: int) -> UUID:
    """The id of the n-th additional event of a request (n from 0): UUIDv5(request, n)."""
    return uuid5(request, str(n))


def id_from_idempotency_key(caller: str, idempotency_key: str) -> UUID:
    """The id of a write with an `Idempotency-Key` instead of an id."""
    return uuid5(uuid5(_NAMESPACE, "key"), f"{caller}\n{idempotency_key}")


def new_id() -> UUID:
    """A new UUIDv7 (RFC 9562). They sort by time, so indexes grow at one end only."""
    import uuid_utils.compat  # here, so that clients, which make none, do without the package

    return uuid_utils.compat.uuid7()
