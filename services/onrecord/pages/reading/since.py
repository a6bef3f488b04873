"""The earlier state of the record that a page compares its own with: a size, or a date.

Used by the pages of timelines, actors and topics, whose lists of positions it compares.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from fastapi import Request
from pydantic import BaseModel, Field

from onrecord.kit.http.problems import Problem
from onrecord.kit.lists.page import Page
from onrecord.query.params import AtSize, Moment, PagedAsOf, Size
from onrecord.query.read_context import ReadResources, begin_read

MAX_COMPARED: Final = 1_000
"""Positions of each state that are compared."""
_PAGE: Final = 500

ReadPage = Callable[[PagedAsOf], Awaitable[Page]]


class Since(BaseModel):
    """Parameters of pages that show what changed in the record."""

    since: Moment = Field(None, description="What changed in the record since then.")
    since_size: Size = Field(None, description="Since this size: exact; wins.")


@dataclass(frozen=True)
class PositionDifference:
    """What the record says of a pair otherwise than at an earlier size."""

    kind: Literal["added", "moved", "corrected", "withdrawn"]
    before: Any | None
    after: Any | None

    @property
    def about(self) -> Any:
        """The position that names the pair."""
        return self.after or self.before


@dataclass(frozen=True)
class Comparison:
    """Differences of two states; `is_cut` where there were too many positions to compare."""

    size: int
    differences: Sequence[PositionDifference]
    is_cut: bool


async def size_of(request: Request, resources: ReadResources, params: Since) -> int | None:
    """The size to compare with; None where none is named."""
    if params.since_size is not None or params.since is None:
        return params.since_size
    context, _ = await begin_read(request, resources, AtSize(known_at=params.since))
    return context.known_size


async def compare_lists(read: ReadPage, size: int, until_size: int, as_of: str) -> Comparison:
    """Compare a list of positions, as of one instant, at two sizes of the record.

    `read`: the read function of the list, for its parameters.
    """
    (before, is_before_cut), (after, is_after_cut) = await asyncio.gather(
        _read_all(read, min(size, until_size), as_of), _read_all(read, until_size, as_of)
    )
    pairs = sorted({**before, **after})
    # a list that is cut says nothing of what comes after its last item
    for side, is_cut in ((before, is_before_cut), (after, is_after_cut)):
        if is_cut:
            pairs = [pair for pair in pairs if pair <= max(side)]
    compared = [_difference(before.get(pair), after.get(pair)) for pair in pairs]
    listed = [difference for difference in compared if difference is not None]
    return Comparison(size, listed, is_before_cut or is_after_cut)


async def _read_all(
    read: ReadPage, size: int, as_of: str
) -> tuple[Mapping[tuple[str, str], Any], bool]:
    """Positions by pair, and whether there are more of them."""
    positions: dict[tuple[str, str], Any] = {}
    params = PagedAsOf(known_size=size, as_of=as_of, limit=_PAGE)
    while True:
        try:
            page = await read(params)
        except Problem as problem:
            if problem.status_code == 404:  # the actor or topic was not on record
                return {}, False
            raise
        positions |= {(item.actor, item.topic): item for item in page.items}
        if page.cursor is None or len(positions) >= MAX_COMPARED:
            return positions, page.cursor is not None
        params = PagedAsOf(cursor=page.cursor, as_of=as_of, limit=_PAGE)


def _difference(before: Any | None, after: Any | None) -> PositionDifference | None:
    if before is None:
        return PositionDifference("added", None, after)
    if after is None:
        return PositionDifference("withdrawn", before, None)
    if _said(before) == _said(after):
        return None
    kind: Literal["corrected", "moved"] = "corrected" if before.id == after.id else "moved"
    return PositionDifference(kind, before, after)


def _said(position: Any) -> tuple[Any, ...]:
    alternatives = [(step.id, step.stance, step.effective) for step in position.alternatives]
    return (
        *(position.id, position.stance, position.condition, position.effective),
        *(position.certainty, alternatives),
    )
