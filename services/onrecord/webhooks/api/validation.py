"""Checks of endpoint bodies beyond their shape, each a 422 problem with a pointer.

Used by the routes of the webhooks API: an address that may not be dialled, a name that is not on
record, filters that let nothing through, a size that the ledger has not reached.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text

from onrecord.domain.ids import EntityKind, entity_id
from onrecord.kit.http.problems import Problem, at
from onrecord.kit.sql.db import Pool, fetch_all
from onrecord.ledger.read import NEAREST, SIZE
from onrecord.webhooks.http.egress import Network, NotAllowed, checked_url
from onrecord.webhooks.matching import CHANGE_TYPE, EVENT_TYPES

MAX_SUGGESTIONS: Final = 10  # unknown names for which the nearest slugs are looked up

_ON_RECORD: Final = text("SELECT id FROM ledger.ids WHERE id = ANY (CAST(:ids AS uuid[]))")


def check_url(url: str, allow: Sequence[Network]) -> str:
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
    ids = {
        (kind, n, slug): entity_id(kind, slug)
        for kind, slugs in filters
        for n, slug in enumerate(slugs)
    }
    registered = await fetch_all(pool, _ON_RECORD, {"ids": list(ids.values())}) if ids else ()
    on_record = {row["id"] for row in registered}
    unknown = [place for place, id_ in ids.items() if id_ not in on_record]
    for count, (kind, n, slug) in enumerate(unknown):
        message = f"no {kind} {slug!r} is on record"
        if count < MAX_SUGGESTIONS:
            near = await fetch_all(pool, NEAREST, {"kind": kind, "slug": slug})
            nearest = ", ".join(repr(row["slug"]) for row in near)
            message += f"; the nearest are {nearest}" if nearest else ""
        faults.append(at(f"/{kind}s/{n}", message))
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
