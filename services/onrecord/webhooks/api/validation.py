"""What can be wrong with what an endpoint is asked to be, beyond its shape?

An address that may never be dialled, a name that is not on record, a filter that nothing passes, a
size that is not reached. Each is a 422 with its pointer. Called by `routes`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text

from onrecord.domain.events import EVENT_CLASSES
from onrecord.domain.ids import EntityKind, entity_id
from onrecord.kit.http.problems import Problem, at
from onrecord.kit.sql.db import Pool, rows
from onrecord.ledger.read import NEAREST, SIZE
from onrecord.webhooks.http.egress import Network, NotAllowed, checked_url
from onrecord.webhooks.matching import CHANGED

TYPES: Final = tuple(sorted({type_ for type_, _ in EVENT_CLASSES}))
HELPED: Final = 10
"""Unknown names for which the nearest are looked up."""

_ON_RECORD: Final = text("SELECT id FROM ledger.ids WHERE id = ANY (CAST(:ids AS uuid[]))")


def url(given: str, allow: Sequence[Network]) -> str:
    """The address as it is dialled."""
    try:
        return checked_url(given, allow)
    except NotAllowed as error:
        raise _refused([at("/url", str(error))]) from None


async def names(pool: Pool, asked: Any) -> None:
    """Everything that the filters of a body name is there to be named."""
    types = asked.types or ()
    faults = [
        at(f"/types/{n}", f"{one!r} is none of {', '.join(TYPES)}")
        for n, one in enumerate(types)
        if one not in TYPES
    ]
    named: tuple[tuple[EntityKind, tuple[str, ...]], ...] = (
        ("actor", asked.actors or ()),
        ("topic", asked.topics or ()),
    )
    ids = {
        (kind, n, slug): entity_id(kind, slug)
        for kind, slugs in named
        for n, slug in enumerate(slugs)
    }
    found = await rows(pool, _ON_RECORD, {"ids": list(ids.values())}) if ids else ()
    on_record = {row["id"] for row in found}
    unknown = [place for place, id_ in ids.items() if id_ not in on_record]
    for helped, (kind, n, slug) in enumerate(unknown):
        message = f"no {kind} {slug!r} is on record"
        if helped < HELPED:
            near = await rows(pool, NEAREST, {"kind": kind, "slug": slug})
            nearest = ", ".join(repr(row["slug"]) for row in near)
            message += f"; the nearest are {nearest}" if nearest else ""
        faults.append(at(f"/{kind}s/{n}", message))
    if unknown:
        raise _refused(faults, "unknown-reference")
    if faults:
        raise _refused(faults)


def reachable(endpoint: Mapping[str, Any]) -> None:
    """An endpoint's filters, as they would be, let something through."""
    if endpoint["kinds"] and endpoint["types"] and CHANGED not in endpoint["types"]:
        message = f"only {CHANGED} has a kind of change; add it to types, or empty kinds"
        raise _refused([at("/kinds", message)])


async def size(pool: Pool, given: int) -> None:
    """The ledger has been of this size."""
    now = (await rows(pool, SIZE, {}))[0]["size"]
    if given > now:
        raise _refused([at("/from_size", f"is beyond the record, which has {now} events")])


def _refused(faults: Sequence[Mapping[str, str]], code: str = "invalid") -> Problem:
    detail = "Some fields cannot be accepted; errors names each."
    return Problem(422, code, detail, errors=faults)
