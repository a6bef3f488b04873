"""Checks of endpoint bodies beyond their shape, each a 422 problem with a pointer.

Used by the routes of the webhooks API: an address that may not be dialled, a name that is not on
record, filters that let nothing through, a size that the ledger has not reached.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from onrecord.domain.event_types import CHANGE_TYPE
from onrecord.domain.ids import EntityKind
from onrecord.kit.http.problems import Problem, at
from onrecord.kit.networks import AllowedNetwork
from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.ledger.names import Name, unknown_names
from onrecord.ledger.read import SIZE
from onrecord.webhooks.http.egress import NotAllowed, checked_url
from onrecord.webhooks.matching import EVENT_TYPES


def check_url(url: str, allow: Sequence[AllowedNetwork]) -> str:
    """The address as it will be dialled."""
    try:
        return checked_url(url, allow)
    except NotAllowed as error:
        raise _invalid([at("/url", str(error))]) from None


async def check_names(pool: Pool, body: Any) -> None:
    """Every name in the filters of a body is on record."""
    faults = [
        at(f"/types/{n}", f"{type_!r} is none of {', '.join(sorted(EVENT_TYPES))}")
        for n, type_ in enumerate(body.types or ())
        if type_ not in EVENT_TYPES
    ]
    filters: tuple[tuple[EntityKind, tuple[str, ...]], ...] = (
        ("actor", body.actors or ()),
        ("topic", body.topics or ()),
    )
    names = [Name(kind, slug) for kind, slugs in filters for slug in slugs]
    unknown = await unknown_names(pool, names)
    faults += [
        at(f"/{kind}s/{n}", unknown[name])
        for kind, slugs in filters
        for n, slug in enumerate(slugs)
        if (name := Name(kind, slug)) in unknown
    ]
    if unknown:
        raise _invalid(faults, "unknown-reference")
    if faults:
        raise _invalid(faults)


def check_filters(endpoint: Mapping[str, Any]) -> None:
    """The filters of an endpoint, as they would be after a change, let something through."""
    if endpoint["kinds"] and endpoint["types"] and CHANGE_TYPE not in endpoint["types"]:
        message = f"only {CHANGE_TYPE} has a kind of change; add it to types, or empty kinds"
        raise _invalid([at("/kinds", message)])


async def check_size(pool: Pool, size: int) -> None:
    """The ledger has reached this size."""
    now = (await fetch_all(pool, SIZE, {}))[0]["size"]
    if size > now:
        raise _invalid([at("/from_size", f"is beyond the record, which has {now} events")])


def _invalid(faults: Sequence[Mapping[str, str]], code: str = "invalid") -> Problem:
    detail = "Some fields cannot be accepted; errors names each."
    return Problem(422, code, detail, errors=faults)
