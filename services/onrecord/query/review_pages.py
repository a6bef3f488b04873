"""Search for a page of findings of `GET /v1/review`, kind by kind. Used by `change_routes`.

One query of `projections.review` looks at a number of candidates, of which few may be findings, so
a page can take many. Each is short, and the client's going away ends them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple

from starlette.requests import Request

from onrecord.domain.finding_kinds import FindingKind
from onrecord.kit.sql.db import Row
from onrecord.projections import review
from onrecord.query.answers.findings import findings_of
from onrecord.query.read_context import ReadContext

ENOUGH_QUERIES: Final = 10
"""Queries after which a page is answered short, if findings of two places are known."""


class Place(NamedTuple):
    """A place in the list: a kind, and the parameter `after` of its query; empty: its start."""

    kind: FindingKind
    after: str


class Finding(NamedTuple):
    """A finding, and the place after it."""

    place: Place
    row: Mapping[str, Any]


async def find_page(
    request: Request,
    context: ReadContext,
    kinds: Sequence[FindingKind],
    place: Place,
    limit: int,
    *,
    dismissed: bool = False,
) -> tuple[list[Finding], Place | None, Row]:
    """The findings of these kinds after a place, where the next page begins, and a row for its
    state. `dismissed`: those that were left as they are, instead of all others.

    About `limit` findings: those of one place are not parted. There is a next page if and only if
    a finding is known that comes after this one. So the search goes on, through all candidates if
    need be, while less than two places with findings are known.
    """
    findings: list[Finding] = []
    filters = ("dismissed",) if dismissed else ()
    for queries in count(1):
        query = review.REVIEW_QUERIES[place.kind].given(filters)
        rows = await context.rows(query, **_params(place))
        # long timelines of inexact dates keep a CPU busy for some 100 ms
        batch = await asyncio.to_thread(findings_of, place.kind, rows, dismissed=dismissed)
        findings += [Finding(Place(place.kind, row["place"]), row) for row in batch]
        following = _place_after(rows[0], place, kinds)
        page = _first_page(findings, limit)
        if len(page) == len(findings) and queries >= ENOUGH_QUERIES and following is not None:
            page = [finding for finding in findings if finding.place != findings[-1].place]
        if page and len(page) < len(findings):
            return page, page[-1].place, rows[0]
        if following is None or await request.is_disconnected():
            break
        place = following
    return findings, None, rows[0]


def _params(place: Place) -> dict[str, Any]:
    after = place.after or review.FIRST_AFTER[place.kind]
    return {"after": after, "max_candidates": review.MAX_CANDIDATES[place.kind]}


def _first_page(findings: list[Finding], limit: int) -> list[Finding]:
    """The first `limit` findings, and those of the same place as the last of them."""
    end = min(limit, len(findings))
    while 0 < end < len(findings) and findings[end].place == findings[end - 1].place:
        end += 1
    return findings[:end]


def _place_after(row: Row, place: Place, kinds: Sequence[FindingKind]) -> Place | None:
    """Where the search continues after a query with this first row."""
    if row["last"] is not None:
        return Place(place.kind, row["last"])
    later = kinds[kinds.index(place.kind) + 1 :]
    return Place(later[0], "") if later else None
