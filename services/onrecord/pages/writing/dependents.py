"""Positions that rest on a statement, so that a page says what a correction of it leaves behind."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from fastapi import Request

from onrecord.pages.writing.positions import pairs_of
from onrecord.query.answers.step_schemas import Step
from onrecord.query.params import Paged
from onrecord.query.position_routes import get_timeline
from onrecord.query.read_context import ReadResources

_MAX_STEPS = 500


async def positions_resting_on(
    request: Request, resources: ReadResources, statement: Mapping[str, Any]
) -> Sequence[Step]:
    """Positions, of those whom the statement names on its topics, that have it in their basis."""
    pairs = pairs_of(statement)
    steps: dict[Any, Step] = {}
    for actor, topic in product(pairs.actors, pairs.topics):
        timeline = await get_timeline(request, resources, actor, topic, Paged(limit=_MAX_STEPS))
        steps |= {step.id: step for step in timeline.items if statement["id"] in step.basis}
    return list(steps.values())
