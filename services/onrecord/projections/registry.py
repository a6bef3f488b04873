"""The list of all projections; everything else walks it.

They are folded in this order: a projection that reads another's rows (`reads_from`) comes after it.
"""

from typing import Final

from onrecord.projections.actors import ACTORS
from onrecord.projections.changes.fold import CHANGES
from onrecord.projections.clock import CLOCK
from onrecord.projections.dismissals import DISMISSALS
from onrecord.projections.engine.projection import Projection
from onrecord.projections.positions import POSITIONS
from onrecord.projections.statements import STATEMENTS
from onrecord.projections.topics import TOPICS

PROJECTIONS: Final[tuple[Projection, ...]] = (
    *(STATEMENTS, ACTORS, TOPICS, CLOCK, POSITIONS, DISMISSALS),
    CHANGES,  # after the actors, whose merges it reads
)


class UnknownProjection(Exception):
    """There is no projection of this name."""

    def __init__(self, name: str) -> None:
        names = ", ".join(projection.name for projection in PROJECTIONS)
        super().__init__(f"there is no projection {name!r}; there are {names}")


def projection_named(name: str) -> Projection:
    """The projection of this name. Raises `UnknownProjection`."""
    for projection in PROJECTIONS:
        if projection.name == name:
            return projection
    raise UnknownProjection(name)
